"""The door for a run's MLflow clients: a port of 127.0.0.1, opened by a token that is the run's alone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpurun_jupyter.agent.tracking_environment import PATH, linked, tracking_environment, tracks_elsewhere
from gpurun_jupyter.core.events import Meta
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder

if TYPE_CHECKING:  # nobody may ever knock, and these take a while to import
    from tornado.httpserver import HTTPServer

    from gpurun_jupyter.agent.runner.tracking.answering import Answering
    from gpurun_jupyter.agent.runner.tracking.logged_run import Tell

_WAITING = 128


class Door:
    """Open for one attempt at a time; a session has one for all of its attempts, as its kernel keeps the address."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self._earlier: set[str] = set()  # ids of the attempts before
        self._attempt: _Attempt | None = None  # that is answered at the moment
        self._socket: socket.socket | None = None
        self._server: HTTPServer | None = None

    @property
    def url(self) -> str:
        """The address, which is there from now on. Raises OSError."""
        if self._socket is None:
            self._socket = socket.create_server(("127.0.0.1", 0), backlog=_WAITING)
            self._socket.setblocking(False)
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}{PATH}"

    @contextlib.contextmanager
    def answers(self, folder: AttemptFolder, grant: Grant, tell: Tell) -> Iterator[None]:
        """While this lasts, an attempt answers; `tell` writes its events. The server begins once somebody knocks."""
        self._attempt = _Attempt(folder, grant, tell)
        if self._server is None and self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._begin)
        try:
            yield
        finally:
            self._attempt = None
            self._earlier.add(grant.run_id)

    async def close(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
        elif self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()

    def _answering(self) -> Answering | None:
        """Who answers at the moment; nobody between the cells of a session."""
        from gpurun_jupyter.agent.runner.tracking.answering import Answering

        if self._attempt is None:
            return None
        if self._attempt.answering is None:
            of_it = (self._attempt.folder, self._attempt.grant, self._attempt.tell)
            self._attempt.answering = Answering(*of_it, self._earlier)
        return self._attempt.answering

    def _begin(self) -> None:
        from gpurun_jupyter.agent.runner.tracking.http import serve

        assert self._socket is not None
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._server = serve(self._socket, self.token, self._answering)


@dataclass
class _Attempt:
    """One that is under way; who answers for it is made once somebody asks."""

    folder: AttemptFolder
    grant: Grant
    tell: Tell
    answering: Answering | None = None


class Tracking:
    """An attempt's MLflow clients: they come through the door, unless the user leads them elsewhere.

    `env` is the attempt's environment, of which its spec and secrets name `own`; `door` is that of its session, without
    which it has its own.
    """

    def __init__(self, env: Mapping[str, str], own: Collection[str], grant: Grant, door: Door | None) -> None:
        self._env = env
        self._grant = grant
        self._is_own = door is None
        self._door = door or Door()
        self._elsewhere = tracks_elsewhere(env, own)
        self.variables: dict[str, str] = {}
        self.secrets: tuple[str, ...] = ()

    def open(self) -> None:
        """Have an address, and `variables` that lead there; neither where this machine has no loopback."""
        if self._elsewhere is not None:
            return
        with contextlib.suppress(OSError):  # no run fails for want of a port
            self.variables = tracking_environment(self._env, self._door.url, self._door.token, self._grant.project)
            self.secrets = (self._door.token,)

    @contextlib.asynccontextmanager
    async def answered(self, folder: AttemptFolder, tell: Tell) -> AsyncIterator[None]:
        """Answer them while this lasts; where they log elsewhere, the run says where."""
        if link := linked(self._elsewhere or ""):
            tell([Meta(values={"mlflow": link})])
        try:
            with self._door.answers(folder, self._grant, tell):
                yield
        finally:
            if self._is_own:
                await self._door.close()
