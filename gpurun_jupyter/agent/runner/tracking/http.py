"""HTTP at a run's door. Imported when somebody knocks for the first time."""

from __future__ import annotations

import hmac
import socket
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from gpurun_jupyter.agent.runner.tracking.answering import Answering, refusal
from gpurun_jupyter.agent.runner.tracking.artifacts import Elsewhere, Receiving, found_file
from gpurun_jupyter.agent.tracking_environment import PATH
from gpurun_jupyter.core.questions import Answer, Question
from gpurun_jupyter.core.remote import is_loopback
from gpurun_jupyter.tracking.endpoints import PREFIX
from gpurun_jupyter.tracking.refusals import DENIED, Refused

_PIECE_BYTES = 2**20
_ARTIFACT_BYTES = 2**42
_REQUEST_BYTES = 64 * 2**20


def serve(listening: socket.socket, token: str, answering: Callable[[], Answering | None]) -> HTTPServer:
    """Let those in who have the token; `answering` is who answers them at the moment."""
    known = {"token": token, "answering": answering}
    artifacts = rf"{PATH}/{PREFIX}mlflow-artifacts/artifacts/(?P<path>.+)"
    handlers = [(artifacts, ArtifactHandler), (rf"{PATH}/(?P<path>.*)", QuestionHandler)]
    application = Application([(pattern, handler, known) for pattern, handler in handlers], log_function=_quiet)
    server = HTTPServer(application, max_body_size=_REQUEST_BYTES)
    server.add_socket(listening)
    return server


def _quiet(_: RequestHandler) -> None:
    """The runner's log is for the runner's own words."""


class DoorHandler(RequestHandler):
    """Lets in who has the token and comes by a name of loopback: a page in a browser has other names."""

    def initialize(self, token: str, answering: Callable[[], Answering | None]) -> None:
        """Tornado's own constructor."""
        self._token = token
        self._answering = answering

    def prepare(self) -> None:
        """Raises Refused."""
        if not is_loopback(urlsplit(f"//{self.request.host}").hostname or ""):
            raise Refused(f"{self.request.host} is no name of this machine's loopback.", DENIED)
        kind, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token.encode()):
            raise Refused("This is for the run's own code, which finds the token in MLFLOW_TRACKING_TOKEN.", DENIED)

    @property
    def answering(self) -> Answering:
        """Who answers. Raises Refused between the cells of a session."""
        answering = self._answering()
        if answering is None:
            raise Refused("No cell is at work in this session; what is logged between cells belongs to no run.")
        return answering

    @property
    def question(self) -> Question:
        """The request."""
        query = {name: self.get_query_arguments(name, strip=False) for name in self.request.query_arguments}
        path = self.request.path.removeprefix(PATH).lstrip("/")
        return Question(self.request.method or "GET", path, query, bytes(self.request.body))

    async def give(self, answer: Answer) -> None:
        """Send an answer; a file piece by piece."""
        self.set_status(answer.status)
        if answer.file is None:
            self.set_header("Content-Type", "application/json")
            await self.finish(answer.body)
            return
        self.set_header("Content-Type", "application/octet-stream")
        with Path(answer.file).open("rb") as file:  # noqa: ASYNC230 - as quick as to read a piece
            while piece := file.read(_PIECE_BYTES):
                self.write(piece)
                await self.flush()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """What was refused, in words of MLflow; else what failed here."""
        error = kwargs.get("exc_info", (None, None))[1]
        if not isinstance(error, Refused):
            said = error.log_message if isinstance(error, HTTPError) else f"{type(error).__name__}: {error}"
            error = Refused(str(said or HTTPStatus(status_code).phrase), "INTERNAL_ERROR")
            error = error if status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused(error.message)
        answer = refusal(error)
        self.set_status(answer.status)
        self.set_header("Content-Type", "application/json")
        self.finish(answer.body)

    def log_exception(self, kind: Any, error: Any, traceback: Any) -> None:
        """A refusal is no news."""
        if not isinstance(error, Refused):
            super().log_exception(kind, error, traceback)


class QuestionHandler(DoorHandler):
    """Requests whose answers are JSON."""

    async def get(self, path: str) -> None:
        """Answer."""
        if path in ("health", "version"):
            await self.finish("OK" if path == "health" else "3.0.0")
        elif path.endswith("mlflow-artifacts/artifacts"):
            await self.give(await self.answering.folder(self.question, self.get_query_argument("path", "")))
        else:
            await self.give(await self.answering.answer(self.question))

    post = patch = delete = get


@stream_request_body
class ArtifactHandler(DoorHandler):
    """The bytes of artifacts."""

    def initialize(self, token: str, answering: Callable[[], Answering | None]) -> None:
        """Tornado's own constructor."""
        super().initialize(token, answering)
        self._receiving: Receiving | None = None

    def prepare(self) -> None:
        """Open the file that is sent. Raises Refused."""
        super().prepare()
        if self.request.method == "PUT":
            connection: Any = self.request.connection
            connection.set_max_body_size(_ARTIFACT_BYTES)
            self._receiving = Receiving(self._place())

    def data_received(self, chunk: bytes) -> None:
        """A piece of it."""
        if self._receiving is not None:
            self._receiving.write(chunk)

    def put(self, **_: str) -> None:
        """All of it is here."""
        assert self._receiving is not None
        self._receiving.keep()
        self.finish(b"{}")

    async def get(self, path: str) -> None:
        """The bytes of one."""
        await self.give(await self.answering.file(self.question, path))

    def delete(self, **_: str) -> None:
        """Remove one of this run."""
        found_file(self._place()).unlink()
        self.finish(b"{}")

    def on_connection_close(self) -> None:
        """Half a file is none."""
        self.on_finish()

    def on_finish(self) -> None:
        """Nor is one that was refused."""
        if self._receiving is not None:
            self._receiving.drop()

    def _place(self) -> Path:
        try:
            return self.answering.artifacts.place(self.path_kwargs["path"])
        except Elsewhere:
            raise Refused("The artifacts of other runs are not changed from within a run.", DENIED) from None
