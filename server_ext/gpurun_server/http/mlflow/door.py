"""Requests of MLflow's clients: JSON, and artifacts of any size. Errors are told in the clients' own words."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.web import HTTPError

from gpurun_jupyter.core import limits
from gpurun_jupyter.core.errors import GpurunError, TooLarge
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.tracking.refusals import DENIED, INTERNAL, INVALID, NO_ENDPOINT, Refused, refusal_of
from gpurun_server.http.base import GpurunHandler, told_as
from gpurun_server.http.ranges import send_file
from gpurun_server.http.shipping.receiving import Receiver, ReceivingHandler
from gpurun_server.queue.tracking.artifacts import ArtifactUpload
from gpurun_server.queue.tracking.asking import Asking
from gpurun_server.queue.tracking.tracking import Answered, Tracking, address_in, answer
from gpurun_server.settings import MAX_BLOB_BYTES

_CODES = {401: DENIED, 403: DENIED, 404: NO_ENDPOINT}


class _Door(GpurunHandler):
    """What both handlers share."""

    @property
    def path_inside(self) -> str:
        """What follows the address of the door, as it came."""
        return self.request.path.partition("/gpurun/mlflow/")[2]

    async def answer_client(self) -> None:
        """Answer a request by what the queue says."""
        if len(self.request.body) > limits.BODY_BYTES:
            raise TooLarge(f"The body is bigger than {format_size(limits.BODY_BYTES)}.", "Log less at once.")
        parts = self.parts
        query = {name: self.get_query_arguments(name, strip=False) for name in self.request.query_arguments}
        query.pop("token", None)  # Jupyter's, which has looked at it
        method, path = self.request.method or "GET", self.path_inside
        asked = partial(answer, parts.home, parts.database, parts.blobs, self.owner, method, path, query)
        await self._send(await self.in_thread(lambda: asked(self.request.body, logs=parts.logs)))

    async def _send(self, answered: Answered) -> None:
        if answered.file is not None:
            await send_file(self, answered.file)
            return
        self.set_status(answered.status)
        self.set_header("Content-Type", "application/json")
        self.finish(answered.body)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """As it is elsewhere, but refusals have their own status."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        super().send_error(error.status if isinstance(error, Refused) else status_code, **kwargs)

    def log_exception(self, kind: Any, error: Any, traceback: Any) -> None:
        """A refusal is no news for the server's log."""
        if not isinstance(error, Refused):
            super().log_exception(kind, error, traceback)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The error as MLflow's server would tell it."""
        error = told_as(kwargs.get("exc_info", (None, None, None))[1])
        self.set_header("Content-Type", "application/json")
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = ", ".join(name for name in self.SUPPORTED_METHODS if name.lower() in vars(type(self)))
            self.set_header("Allow", allowed)
            error = Refused(f"{self.request.method} does nothing here; there is {allowed}.")
        self.finish(msgspec.json.encode(_refused(error, status_code).body))


class TrackingHandler(_Door):
    """`api/...` and `ajax-api/...`, as MLflow's clients and pages ask.

    Each method is wrapped by itself: `authorized` keeps the action of the first request that it sees.
    """

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Read."""
        await self.answer_client()

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Change, or search."""
        await self.answer_client()

    @web.authenticated
    @authorized
    async def patch(self) -> None:
        """Change."""
        await self.answer_client()

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Delete."""
        await self.answer_client()


class _LetBy:
    """Takes a body that is not kept: who still sends would not hear a refusal."""

    def feed(self, data: bytes) -> None:
        """The next piece."""

    def close(self) -> None:
        """Nothing was kept."""


@web.stream_request_body
class ArtifactsHandler(_Door, ReceivingHandler):
    """`api/2.0/mlflow-artifacts/artifacts/...`: bytes, which are not held in memory."""

    method = "PUT"
    max_body_bytes = MAX_BLOB_BYTES
    _refused: Refused | None = None

    def make_receiver(self) -> Receiver:
        """What takes the file that is sent."""
        parts = self.parts
        tracking = Tracking(Asking(parts.home, parts.database, parts.blobs, self.owner, parts.logs))
        try:
            return tracking.upload(address_in(self.path_inside) or "")
        except Refused as refused:
            self._refused = refused
            return _LetBy()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """As its neighbours, and whether the connection ends."""
        self.say_whether_it_ends()
        super().write_error(status_code, **kwargs)

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Download a file, or list a folder."""
        await self.answer_client()

    @web.authenticated
    @authorized
    async def put(self) -> None:
        """Send a file."""
        received = self.received
        if self._refused is not None:
            raise self._refused
        assert isinstance(received, ArtifactUpload)
        await self.in_thread(received.keep)
        await self._send(Answered(200, b"{}"))

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Delete a file or a folder."""
        await self.answer_client()


class TextHandler(_Door):
    """`health` and `version`, which clients ask before they ask for anything."""

    def initialize(self, text: str) -> None:
        """Know what to say."""
        super().initialize()
        self._text = text

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Say it."""
        self.set_header("Content-Type", "text/plain")
        self.finish(self._text)


class NothingHandler(_Door):
    """Whatever else is asked for below gpurun/mlflow."""

    async def prepare(self) -> None:
        """Refuse every method, strangers first."""
        await super().prepare()
        if self.current_user is None:
            raise HTTPError(403)
        raise Refused(
            f"There is no {self.request.path}. Its pages are not here: `mlflow ui` shows what is in a folder or a "
            "database, JupyterLab shows runs and models; clients need this address as MLFLOW_TRACKING_URI.",
            NO_ENDPOINT,
        )


def _refused(error: BaseException | None, status: int) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, GpurunError):
        return refusal_of(error)
    if isinstance(error, HTTPError):
        said = error.log_message or error.reason or f"HTTP {status}"
        token = " Set MLFLOW_TRACKING_TOKEN to the server's token." if status in (401, 403) else ""
        return Refused(f"{said}{token}", _CODES.get(status, INVALID))
    return Refused(f"{type(error).__name__}: {error}. The server's log has more.", INTERNAL)


#: The version of MLflow whose REST is spoken.
SPOKEN = "3.17.2"
_BELOW = r"(?:ajax-)?api/\d\.\d"

#: Patterns below gpurun/mlflow, with what each handler is made with.
default_handlers: list[tuple[str, type, dict[str, Any]]] = [
    (rf"{_BELOW}/mlflow-artifacts/artifacts(?:/.*)?", ArtifactsHandler, {}),
    (rf"{_BELOW}/mlflow/.+", TrackingHandler, {}),
    (r"health", TextHandler, {"text": "OK"}),
    (r"version", TextHandler, {"text": SPOKEN}),
    (r".*", NothingHandler, {}),
]
