"""Sessions: list, interrupt, restart, end."""

from __future__ import annotations

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import SessionNotFound, WrongState
from gpurun_jupyter.core.sessions import Session
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.queue.ledger.sessions import Wish, all_sessions, wish
from gpurun_server.queue.lifecycle.stopping import cancel


class Sessions(msgspec.Struct):
    """The sessions of whoever asks."""

    sessions: list[Session]


class _SessionHandler(GpurunHandler):
    def sessions(self) -> list[Session]:
        with self.parts.database.read() as conn:
            return all_sessions(conn, self.parts.ledger, self.owner)

    async def wish(self, name: str, what: Wish) -> None:
        owner = self.owner
        await self.write_database(lambda writing: wish(writing, owner, name, what))
        self.answer(Sessions(self.sessions()))


class SessionsHandler(_SessionHandler):
    """`sessions`."""

    @web.authenticated
    @authorized
    @operation("Your sessions: named warm kernels with their devices", answer=Sessions)
    async def get(self) -> None:
        """List."""
        self.answer(Sessions(self.sessions()))


class InterruptHandler(_SessionHandler):
    """`sessions/{name}/interrupt`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Interrupt the run that the session carries out", answer=Sessions)
    async def post(self, name: str) -> None:
        """Interrupt."""
        found = next((session for session in self.sessions() if session.name == name), None)
        if found is None:
            raise SessionNotFound(f"You have no session {name!r}.", "`%gpurun sessions` lists those there are.")
        if found.busy is None:
            raise WrongState(f"Session {name!r} is idle.", "There is nothing to interrupt.")
        run_id, owner = found.busy, self.owner
        await self.write_database(lambda writing: cancel(writing, run_id, by=owner))
        self.answer(Sessions(self.sessions()))


class RestartHandler(_SessionHandler):
    """`sessions/{name}/restart`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Give the session a fresh kernel on the same devices", answer=Sessions)
    async def post(self, name: str) -> None:
        """Restart."""
        await self.wish(name, "restart")


class EndHandler(_SessionHandler):
    """`sessions/{name}/end`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("End the session and free its devices", answer=Sessions)
    async def post(self, name: str) -> None:
        """End."""
        await self.wish(name, "end")


default_handlers = [
    (r"sessions", SessionsHandler),
    (r"sessions/([^/]+)/interrupt", InterruptHandler),
    (r"sessions/([^/]+)/restart", RestartHandler),
    (r"sessions/([^/]+)/end", EndHandler),
]
