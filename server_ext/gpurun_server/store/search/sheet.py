"""Runs as CSV, for spreadsheets and pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.names import listed
from gpurun_jupyter.core.runs import MetricSummary, Run
from gpurun_server.store.queries import to_run
from gpurun_server.store.search.names import columns
from gpurun_server.store.search.window import read
from gpurun_server.store.summaries import metrics_by_run, number_of, parameters_by_run

#: A spreadsheet takes a cell that begins so for a formula, and would execute what a run was named.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST_COLUMNS = 16_384
_FEW = 500  # more names are not asked for one by one
_METRIC, _PARAMETER = "metrics.", "params."


def _time(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")


_OF_RUN: dict[str, Callable[[Run], Any]] = {
    "id": lambda run: run.id,
    "name": lambda run: run.name,
    "project": lambda run: run.project,
    "owner": lambda run: run.owner,
    "kind": lambda run: run.kind,
    "state": lambda run: run.state.value,
    "outcome": lambda run: run.outcome.value if run.outcome else "",
    "reason": lambda run: run.reason.value if run.reason else "",
    "message": lambda run: run.message,
    "tag": lambda run: " ".join(run.tags),
    "priority": lambda run: run.priority,
    "gpu": lambda run: run.gpu,
    "attempt": lambda run: run.attempt,
    "agent": lambda run: run.agent or "",
    "parent": lambda run: run.parent or "",
    "created": lambda run: _time(run.created_at),
    "queued": lambda run: _time(run.queued_at),
    "started": lambda run: _time(run.started_at),
    "finished": lambda run: _time(run.finished_at),
    "duration": lambda run: "" if run.elapsed_s is None else round(run.elapsed_s, 3),
}


@dataclass(frozen=True)
class Sheet:
    """The columns of a CSV file of runs."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, conn: sa.Connection, owner: str, wanted: Sequence[str] = ()) -> Sheet:
        """A sheet with these columns, several of which may stand in one text, or with all there are.

        Raises InvalidRequest for one that there is not, and for too many.
        """
        there = columns(conn, owner)
        every = [
            *_OF_RUN,
            *(_METRIC + name for name in there.metrics),
            *(_PARAMETER + name for name in there.parameters),
        ]
        names = tuple(listed(filter(None, wanted), every) or every)
        if unknown := [name for name in names if name not in every]:
            raise InvalidRequest(f"There is no column {unknown[0]!r}.", "GET runs/columns lists those there are.")
        if len(names) > _MOST_COLUMNS:
            raise InvalidRequest(
                f"The list would have {len(names):,} columns; a spreadsheet has at most {_MOST_COLUMNS:,}.",
                "Name those you want: columns=name,metrics.acc.",
            )
        return cls(names)

    def head(self) -> str:
        """The first line."""
        return _lines([self.names])

    def lines(self, conn: sa.Connection, numbers: Sequence[int]) -> str:
        """A line for each of these runs."""
        rows = read(conn, numbers)
        ids = {row.seq: row.id for row in rows}
        parameters = parameters_by_run(conn, ids)
        metrics = metrics_by_run(conn, ids, self._metrics if len(self._metrics) <= _FEW else None)
        return _lines([self._cells(run, metrics[run.id], parameters[run.id]) for run in map(to_run, rows)])

    @property
    def _metrics(self) -> list[str]:
        return [name.removeprefix(_METRIC) for name in self.names if name.startswith(_METRIC)]

    def _cells(self, run: Run, metrics: dict[str, MetricSummary], parameters: dict[str, str]) -> list[Any]:
        return [self._cell(name, run, metrics, parameters) for name in self.names]

    def _cell(self, name: str, run: Run, metrics: dict[str, MetricSummary], parameters: dict[str, str]) -> Any:
        if name.startswith(_METRIC):
            metric = metrics.get(name.removeprefix(_METRIC))
            return "" if metric is None else float(metric.last)
        if name.startswith(_PARAMETER):
            return parameters.get(name.removeprefix(_PARAMETER), "")
        return _OF_RUN[name](run)


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([[_harmless(cell) for cell in row] for row in rows])
    return out.getvalue()


def _harmless(cell: Any) -> Any:
    # -0.5 begins so, and is a number
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULA) and number_of(cell) is None
    return f"'{cell}" if is_formula else cell
