"""Runs: lists of them, filtered and sorted; the columns that such a list may have; the list as CSV."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.limits import LARGEST
from gpurun_jupyter.core.runs import Run
from gpurun_server.http.base import GpurunHandler, operation
from gpurun_server.queue.listing import shown
from gpurun_server.store.queries import Filters
from gpurun_server.store.search import window
from gpurun_server.store.search.names import Columns, columns
from gpurun_server.store.search.sheet import Sheet
from gpurun_server.store.search.window import Row
from gpurun_server.store.summaries import metrics_by_run, parameters_by_run

_ROWS_AT_ONCE = 500
_CELLS_AT_ONCE = 100_000
_MOST_METRICS = 200


class RunsQuery(Filters, omit_defaults=True):
    """Filters of a list of runs, how many, and from which on; with an offset the answer has the total.

    A run comes with the first of its metrics, and with those that `metrics` names (repeatable).
    """

    metrics: Annotated[list[str], msgspec.Meta(max_length=_MOST_METRICS)] = msgspec.field(default_factory=list)
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    offset: Annotated[int, msgspec.Meta(ge=0, le=LARGEST)] | None = None


class RunsPage(msgspec.Struct):
    """A page of a list of runs; `next` is the cursor of the page after it.

    Where an offset was given: `total` runs fulfil the filters, and `parameters` are those of the runs shown, by id.
    """

    runs: list[Run]
    next: int | None
    total: int | None = None
    parameters: dict[str, dict[str, str]] | None = None


class SheetQuery(Filters, omit_defaults=True):
    """Filters of a list of runs, and the columns of its CSV: repeatable, or with commas; all where none is named."""

    columns: list[str] = msgspec.field(default_factory=list)


class RunsList(GpurunHandler):
    """`GET runs`; the other methods of that route are in runs.py."""

    @web.authenticated
    @authorized
    @operation("Runs, the newest first or sorted", query=RunsQuery, answer=RunsPage)
    async def get(self) -> None:
        """List."""
        query, owner = self.query(RunsQuery), self.owner
        if query.offset is None and not query.sort:
            rows = await self.read_database(lambda conn: window.newest(conn, owner, query, query.limit))
            runs = await self._shown(rows, query.metrics)
            self.answer(RunsPage(runs, rows[-1].seq if len(rows) == query.limit else None))
            return
        if query.cursor is not None:
            raise InvalidRequest("A sorted list has no cursor.", "Use offset.")
        self.answer(await self._window(query, query.offset or 0))

    async def _window(self, query: RunsQuery, offset: int) -> RunsPage:
        """Rows and total are looked for at once: each may take its time."""
        owner = self.owner
        rows, total = await asyncio.gather(
            self.read_database(lambda conn: window.window(conn, owner, query, offset, query.limit)),
            self.read_database(lambda conn: window.total(conn, owner, query)),
        )
        ids = {row.seq: row.id for row in rows}
        parameters = await self.read_database(lambda conn: parameters_by_run(conn, ids))
        return RunsPage(await self._shown(rows, query.metrics), None, total, parameters)

    async def _shown(self, rows: Sequence[Row], metrics: list[str]) -> list[Run]:
        with self.parts.database.read() as conn:
            runs = shown(conn, self.parts.ledger, rows, self.owner)
        if metrics:
            ids = {row.seq: row.id for row in rows}
            found = await self.read_database(lambda conn: metrics_by_run(conn, ids, metrics))
            for run in runs:
                run.metrics |= found[run.id]
        return runs


class ColumnsHandler(GpurunHandler):
    """`runs/columns`."""

    @web.authenticated
    @authorized
    @operation("What lists of runs can show, be filtered and sorted by", answer=Columns)
    async def get(self) -> None:
        """List."""
        owner = self.owner
        self.answer(await self.read_database(lambda conn: columns(conn, owner)))


class SheetHandler(GpurunHandler):
    """`runs.csv`."""

    @web.authenticated
    @authorized
    @operation("The filtered and sorted list as CSV", query=SheetQuery, answer_type="text/csv")
    async def get(self) -> None:
        """Download, some hundreds of runs at a time."""
        query, owner = self.query(SheetQuery), self.owner
        # which runs, and in which order, is settled once: the list must not move between two pieces
        numbers = await self.read_database(lambda conn: window.numbers(conn, owner, query))
        sheet = await self.read_database(lambda conn: Sheet.of(conn, owner, query.columns))
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="runs.csv"')
        self.set_header("X-Content-Type-Options", "nosniff")
        self.write(sheet.head())
        # of a wide sheet fewer at a time: each piece is made in memory
        rows = max(1, min(_ROWS_AT_ONCE, _CELLS_AT_ONCE // len(sheet.names)))
        for first in range(0, len(numbers), rows):
            some = numbers[first : first + rows]
            self.write(await self.read_database(lambda conn, some=some: sheet.lines(conn, some)))  # type: ignore[misc]
            await self.flush()
        self.finish()


#: Before the routes of one run: the first that fits is taken.
default_handlers = [
    (r"runs/columns", ColumnsHandler),
    (r"runs\.csv", SheetHandler),
]
