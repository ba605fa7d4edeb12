"""A live connection as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

import msgspec
from tornado.iostream import StreamClosedError

from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import Run
from gpurun_server.http.base import GpurunHandler
from gpurun_server.store.database import OUTAGE
from gpurun_server.stream.frames import error_frame, run_frame
from gpurun_server.stream.wishes import Watch

_RETRY_MS = 1000  # before a browser comes back; its own choice is some seconds


class _Head(msgspec.Struct):
    """What of a frame the event stream repeats."""

    type: str
    cursor: str | None = None


class EventStream:
    """Sends the frames of a live connection as the answer to a request, until the client or the server has enough."""

    def __init__(self, handler: GpurunHandler) -> None:
        self._handler = handler
        self.connection = handler.parts.hub.connect(handler.owner)
        # else it would be noticed with the next frame only that the client has gone
        handler.request.connection.set_close_callback(self.connection.close)
        handler.request.connection.stream.set_nodelay(True)  # else a second small frame waits for the first one's ACK
        handler.set_header("Content-Type", "text/event-stream")
        handler.set_header("Cache-Control", "no-cache")
        handler.set_header("X-Accel-Buffering", "no")  # a buffering proxy would hold everything back to the end

    def watch(self, *wishes: Watch) -> None:
        """Begin to watch. Raises InvalidRequest, and then nothing is sent."""
        try:
            for wish in wishes:
                self.connection.watch(wish)
        except Exception:
            self.connection.close()
            raise

    async def send_until(self, last: Callable[[bytes], bool], first: bytes = b"") -> None:
        """Send the frame `first`, then frames up to the one that `last` says yes to or until the connection breaks."""
        try:
            self._handler.write(f"retry: {_RETRY_MS}\n\n")
            if first:
                self._handler.write(_as_event(first))
            await self._handler.flush()  # the headers: a client shall know that it is heard, though nothing happens
            async with aclosing(self.connection.frames()) as frames:  # `break` alone leaves its end to the collector
                async for frame in frames:
                    self._handler.write(_as_event(frame))
                    await self._handler.flush()
                    if last(frame):
                        break
        except StreamClosedError:
            pass  # the client has gone; it comes back with its cursor if it wants to
        except OUTAGE as error:  # nothing is wrong with what is watched: the client comes back
            self._handler.log.warning("an event stream ends, for the database does not answer: %s", error.orig)
        except Exception as error:
            self._handler.log.exception("an event stream ends")  # the status was sent long ago: a frame has to say it
            self._handler.write(_as_event(error_frame(error, None)))
        finally:
            self.connection.close()


def wants_stream(handler: GpurunHandler) -> bool:
    """Whether the client takes an event stream for an answer."""
    return "text/event-stream" in handler.request.headers.get("Accept", "")


async def follow(handler: GpurunHandler, run_id: str, cursor: str) -> None:
    """Answer with a run's stream from the cursor to the run's end."""
    stream = EventStream(handler)
    stream.watch(Watch(watch="run", run=run_id, cursor=cursor))
    await stream.send_until(_is_last)


async def follow_accepted(handler: GpurunHandler, run: Run) -> None:
    """The same for a run that was accepted by this request."""
    stream = EventStream(handler)
    stream.connection.watch_accepted(run)
    await stream.send_until(_is_last, first=run_frame(run))


def _is_last(frame: bytes) -> bool:
    """Whether this is the last frame of a run's stream: it has finished, or cannot be shown any more."""
    if frame.startswith(b'{"type":"error"'):  # `frames.frame` puts the type first: most need no decoding here
        return True
    if not frame.startswith(b'{"type":"run"'):
        return False
    return State(msgspec.json.decode(frame)["run"]["state"]) is State.FINISHED


def _as_event(frame: bytes) -> bytes:
    head = msgspec.json.decode(frame, type=_Head)
    mark = f"id: {head.cursor}\n" if head.cursor else ""
    return f"{mark}event: {head.type}\ndata: ".encode() + frame + b"\n\n"
