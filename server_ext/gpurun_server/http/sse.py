"""A live connection as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

import msgspec
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from gpurun_server.http.base import GpurunHandler

_RETRY_MS = 1000


class _Head(msgspec.Struct):
    """What of a frame the event stream repeats."""

    type: str
    cursor: str | None = None


class EventStream:
    """Sends the frames of a live connection as the answer to a request, until the client or the server has enough."""

    def __init__(self, handler: GpurunHandler) -> None:
        self._handler: RequestHandler = handler
        self.connection = handler.parts.hub.connect()
        handler.request.connection.set_close_callback(self.connection.close)
        handler.set_header("Content-Type", "text/event-stream")
        handler.set_header("Cache-Control", "no-cache")
        handler.set_header("X-Accel-Buffering", "no")  # a buffering proxy would hold everything back to the end

    async def send_until(self, last: Callable[[bytes], bool]) -> None:
        """Send frames up to the one that `last` says yes to, or until the connection breaks."""
        try:
            self._handler.write(f"retry: {_RETRY_MS}\n\n")
            await self._handler.flush()
            async with aclosing(self.connection.frames()) as frames:
                async for frame in frames:
                    self._handler.write(_as_event(frame))
                    await self._handler.flush()
                    if last(frame):
                        break
        except StreamClosedError:
            pass  # the client has gone; it comes back with its cursor if it wants to
        finally:
            self.connection.close()


def _as_event(frame: bytes) -> bytes:
    head = msgspec.json.decode(frame, type=_Head)
    mark = f"id: {head.cursor}\n" if head.cursor else ""
    return f"{mark}event: {head.type}\ndata: ".encode() + frame + b"\n\n"
