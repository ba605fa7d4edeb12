"""The live connection: `stream` as server-sent events, `stream/ws` as a WebSocket."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import msgspec
from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from gpurun_jupyter.core.errors import GpurunError, InvalidRequest
from gpurun_jupyter.core.events import START_OF_LOG
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, checked, operation, parts_in
from gpurun_server.http.sse import EventStream
from gpurun_server.store.database import OUTAGE
from gpurun_server.stream.connection import LiveConnection
from gpurun_server.stream.wishes import Watch


class StreamQuery(msgspec.Struct):
    """What to watch: `runs`, `devices`, `models` (repeatable), runs as ID or ID@CURSOR (repeatable); at least one."""

    watch: list[str] = []
    run: list[str] = []


class StreamHandler(GpurunHandler):
    """`stream`."""

    @web.authenticated
    @authorized
    @operation("The live connection as server-sent events", query=StreamQuery, answer_type="text/event-stream")
    async def get(self) -> None:
        """Follow."""
        wishes = [self._wish(name) for name in self.get_arguments("watch")]
        for text in self.get_arguments("run"):
            run, _, cursor = text.partition("@")
            wishes.append(Watch(watch="run", run=run, cursor=cursor or str(START_OF_LOG)))
        if not wishes:
            raise InvalidRequest("There is nothing to watch.", "Add watch=runs, watch=devices, watch=models or run=ID.")
        stream = EventStream(self)
        stream.watch(*wishes)
        await stream.send_until(lambda _frame: False)

    def _wish(self, name: str) -> Watch:
        return checked(lambda: msgspec.convert({"watch": name}, Watch))


class StreamSocket(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """`stream/ws`. Tornado refuses origins that are not ours; a token does not open the door to them."""

    auth_resource: ClassVar[str] = AUTH_RESOURCE

    _connection: LiveConnection | None = None
    _sending: asyncio.Task[None] | None = None

    @ws_authenticated
    async def get(self) -> None:
        """Open, if the user may read and the page is one of ours."""
        if not self._from_our_page():  # Jupyter's own look lets in any page that shows a token
            raise web.HTTPError(403, "The page is of another origin.")
        try:  # before the upgrade: after it no status can say what is wrong
            parts_in(self.settings)
        except GpurunError as error:
            raise web.HTTPError(error.status, error.message) from error
        allowed = self.authorizer.is_authorized(self, self.current_user, "read", self.auth_resource)
        if not await ensure_async(allowed):
            raise web.HTTPError(403)
        await super().get()

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin to send."""
        super().open(*args, **kwargs)
        parts = parts_in(self.settings)
        self._connection = parts.hub.connect(parts.owner(self))
        self._sending = asyncio.ensure_future(self._send(self._connection))  # held: the loop alone would not keep it

    async def _send(self, connection: LiveConnection) -> None:
        """Whatever ends this ends the connection: an open one that says nothing would deceive the page."""
        try:
            async for frame in connection.frames():
                await self.write_message(frame.decode())  # waiting for it is the back-pressure
        except WebSocketClosedError:
            pass  # the client has gone, and `on_close` does the rest
        except OUTAGE as error:
            self.log.warning("a live connection ends, for the database does not answer: %s", error.orig)
        except Exception:
            self.log.exception("a live connection ends")
        self.close()

    async def on_message(self, message: str | bytes) -> None:
        """A client's wish."""
        assert self._connection is not None
        try:
            self._connection.receive(message)
        except OUTAGE as error:
            self.log.warning("a live connection ends, for the database does not answer: %s", error.orig)
            self.close()

    def on_close(self) -> None:
        """The client has gone."""
        if self._connection is not None:  # `open` fails where the database was lost since `get`
            self._connection.close()
        super().on_close()

    def get_compression_options(self) -> dict[str, Any] | None:
        """None: compressing a live log costs more than it saves on the way to a browser nearby."""
        return None

    def _from_our_page(self) -> bool:
        """Whether there is no Origin (not a browser), or it is ours or allowed by the server's settings."""
        origin = self.request.headers.get("Origin")
        return origin is None or self._same_or_allowed(origin)

    def _same_or_allowed(self, origin: str) -> bool:
        host = origin.partition("://")[2].lower()
        if host == self.request.headers.get("Host", "").lower():
            return True
        if self.allow_origin:
            return bool(self.allow_origin in ("*", origin))
        return bool(self.allow_origin_pat and self.allow_origin_pat.fullmatch(origin))


default_handlers = [(r"stream", StreamHandler), (r"stream/ws", StreamSocket)]
