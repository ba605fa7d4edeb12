"""What runs said: their events, what they printed."""

from __future__ import annotations

from collections import deque
from typing import Annotated

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core import events
from gpurun_jupyter.core.events import Cursor
from gpurun_jupyter.core.runs import Run
from gpurun_server.http.base import GpurunHandler, operation
from gpurun_server.http.sse import follow, wants_stream
from gpurun_server.queue.listing import run_of
from gpurun_server.store.logs import printed_text
from gpurun_server.stream.tail import Tail


class EventsQuery(msgspec.Struct):
    """From where on."""

    cursor: str = str(events.START_OF_LOG)


class LogQuery(msgspec.Struct):
    """How many of the last lines; all where it is not said."""

    tail: Annotated[int, msgspec.Meta(ge=0)] | None = None


class _LogHandler(GpurunHandler):
    def run(self, reference: str) -> Run:
        with self.parts.database.read() as conn:
            return run_of(conn, self.parts.ledger, reference)


class EventsHandler(_LogHandler):
    """`runs/{id}/events`."""

    @web.authenticated
    @authorized
    @operation(
        "The log as NDJSON; with Accept: text/event-stream followed to the run's end",
        query=EventsQuery,
        answer_type="application/x-ndjson",
    )
    async def get(self, reference: str) -> None:
        """Read or follow."""
        run = self.run(reference)
        cursor = self.request.headers.get("Last-Event-ID") or self.query(EventsQuery).cursor
        place = Cursor.parse(cursor)
        if wants_stream(self):
            await follow(self, run.id, cursor)
        else:
            await self._dump(Tail(self.parts.home, run.id, place))

    async def _dump(self, tail: Tail) -> None:
        self.set_header("Content-Type", "application/x-ndjson")
        while lines := tail.read():
            self.write(b"\n".join(lines) + b"\n")
            await self.flush()


class LogHandler(_LogHandler):
    """`runs/{id}/log`."""

    @web.authenticated
    @authorized
    @operation("What the run printed", query=LogQuery, answer_type="text/plain")
    async def get(self, reference: str) -> None:
        """Read."""
        run, tail = self.run(reference), self.query(LogQuery).tail
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        pieces = printed_text(Tail(self.parts.home, run.id, events.START_OF_LOG))
        if tail is not None:
            pieces = iter(["".join(deque("".join(pieces).splitlines(keepends=True), maxlen=tail))])
        for piece in pieces:
            self.write(piece)
            await self.flush()


default_handlers = [
    (r"runs/([^/]+)/events", EventsHandler),
    (r"runs/([^/]+)/log", LogHandler),
]
