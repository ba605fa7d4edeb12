"""What runs said: their events, what they printed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Annotated

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core import events
from gpurun_jupyter.core.events import Cursor
from gpurun_jupyter.core.runs import Run
from gpurun_server.http.base import Count, GpurunHandler, operation
from gpurun_server.http.sse import follow, wants_stream
from gpurun_server.queue.listing import run_of
from gpurun_server.store.folders.logs import printed_text
from gpurun_server.store.folders.printed import FoundLines, events_of_lines, find_lines, some_lines
from gpurun_server.stream.tail import Tail, last_lines, place_in_log

_MOST_LINES = 2**31  # no log has so many, and no memory


class EventsQuery(msgspec.Struct):
    """From where on; or what printed the last `lines` lines `before` a place, or `lines` from number `first` on."""

    cursor: str = str(events.START_OF_LOG)
    before: str | None = None
    first: Count = 0
    lines: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None


class LogQuery(msgspec.Struct):
    """How many of the last lines, or `lines` from number `first` (from 0) on; all where it is not said."""

    tail: Count | None = None
    first: Count = 0
    lines: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None


class SearchQuery(msgspec.Struct):
    """The text, and how many of the lines that hold it are told."""

    q: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000


class _LogHandler(GpurunHandler):
    def run(self, reference: str) -> Run:
        with self.parts.database.read() as conn:
            return run_of(conn, self.parts.ledger, reference, self.owner)


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
        run, query = self.run(reference), self.query(EventsQuery)
        if query.lines is not None:
            await self._part(run, query, query.lines)
            return
        cursor = self.request.headers.get("Last-Event-ID") or query.cursor  # from an EventSource that comes back
        # before the stream begins: here a refusal is a status, later a frame
        place = place_in_log(self.parts.home, run.id, run.attempt, Cursor.parse(cursor))
        if wants_stream(self):
            await follow(self, run.id, cursor)
        else:
            await self._dump(Tail(self.parts.home, run.id, place))

    async def _part(self, run: Run, query: EventsQuery, count: int) -> None:
        home = self.parts.home
        if query.before is not None:
            end = place_in_log(home, run.id, run.attempt, Cursor.parse(query.before))
            begin = await self.in_thread(lambda: last_lines(home, run.id, count, end))
            self.set_header("X-Gpurun-Cursor", str(begin))
            await self._dump(Tail(home, run.id, begin, end))
            return
        log = Tail(home, run.id, events.START_OF_LOG)
        line, found = await self.in_thread(lambda: events_of_lines(log, query.first, count))
        self.set_header("Content-Type", "application/x-ndjson")
        self.set_header("X-Gpurun-Line", str(line))
        self.finish(b"".join(one + b"\n" for one in found))

    async def _dump(self, tail: Tail) -> None:
        self.set_header("Content-Type", "application/x-ndjson")
        while lines := await self.in_thread(tail.read):
            self.write(b"\n".join(lines) + b"\n")
            await self.flush()


class LogHandler(_LogHandler):
    """`runs/{id}/log`."""

    @web.authenticated
    @authorized
    @operation("What the run printed", query=LogQuery, answer_type="text/plain")
    async def get(self, reference: str) -> None:
        """Read."""
        run, query = self.run(reference), self.query(LogQuery)
        tail, log = query.tail, Tail(self.parts.home, run.id, events.START_OF_LOG)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        if query.lines is not None:
            count = query.lines
            self.finish(await self.in_thread(lambda: some_lines(log, query.first, count)))
            return
        pieces = printed_text(log)
        if tail is not None:
            self.finish(await self.in_thread(lambda: _last_lines(pieces, tail)))
            return
        # with a default: a StopIteration cannot be the result of a future
        while (piece := await self.in_thread(lambda: next(pieces, None))) is not None:
            self.write(piece)
            await self.flush()
        self.finish()


def _last_lines(pieces: Iterator[str], count: int) -> str:
    """The last lines of a text that comes in pieces, of which the others need not be kept."""
    last, rest = deque[str](maxlen=min(count, _MOST_LINES)), list[str]()
    for piece in pieces:
        rest.append(piece)
        if "\n" in piece:
            # at newlines, as `lines` and search count; `splitlines` cuts at carriage returns and more, too
            *whole, cut = "".join(rest).split("\n")
            rest = [cut]
            last.extend(f"{line}\n" for line in whole)
    if end := "".join(rest):
        last.append(end)
    return "".join(last)


class SearchHandler(_LogHandler):
    """`runs/{id}/search`."""

    @web.authenticated
    @authorized
    @operation("Which of the printed lines hold a text", query=SearchQuery, answer=FoundLines)
    async def get(self, reference: str) -> None:
        """Search."""
        run, query = self.run(reference), self.query(SearchQuery)
        log = Tail(self.parts.home, run.id, events.START_OF_LOG)
        self.answer(await self.in_thread(lambda: find_lines(log, query.q, query.limit)))


default_handlers = [
    (r"runs/([^/]+)/search", SearchHandler),
    (r"runs/([^/]+)/events", EventsHandler),
    (r"runs/([^/]+)/log", LogHandler),
]
