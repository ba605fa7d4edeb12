"""Reading runs: one, those that a search finds, and what a metric was over time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.numbers import in_json
from gpurun_jupyter.tracking import requests as asked
from gpurun_jupyter.tracking.answers import TrackedRun, history_message, run_message
from gpurun_jupyter.tracking.filters import comparisons, order
from gpurun_jupyter.tracking.requests import Point
from gpurun_server.queue.tracking.asking import Asking, page_of, paged
from gpurun_server.queue.tracking.experiments import projects_of
from gpurun_server.queue.tracking.run_messages import tracked_runs
from gpurun_server.store.folders.columns import Columns, measured
from gpurun_server.store.search.tracked import Wanted, tracked

_MS = 1000
_MOST_VALUES = 25_000  # in a page of a metric's history


class Runs:
    """What clients ask of runs."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def get_run(self, request: asked.OfRun) -> dict[str, Any]:
        """A run, also one that was deleted a moment ago."""
        with self._asking.read() as conn:
            row = self._asking.run(conn, request.run)
            (run,) = tracked_runs(conn, [row])
        return {"run": run_message(self._timed(run, row) if run.metrics else run)}

    def search_runs(self, request: asked.SearchRuns) -> dict[str, Any]:
        """Runs of experiments that fit a filter, in an order, some at a time."""
        at, owner = page_of(request.page_token), self._asking.owner
        where, orders = comparisons(request.filter), [order(text) for text in request.order_by]
        with self._asking.read() as conn:
            projects = projects_of(conn, owner, request.experiment_ids)
            wanted = Wanted(projects, where, orders, request.run_view_type)
            rows = tracked(conn, owner, wanted, at, request.max_results + 1) if projects != [] else []
            found = tracked_runs(conn, rows)
        return paged("runs", [run_message(run) for run in found], at, request.max_results)

    def get_metric_history(self, request: asked.MetricHistory) -> dict[str, Any]:
        """All values of a metric, as they were logged."""
        at, most = page_of(request.page_token), request.max_results or _MOST_VALUES
        with self._asking.read() as conn:
            row = self._asking.run(conn, request.run)
        found = measured(self._asking.home.attempt(row.id, row.attempt)).metrics.get(request.metric_key, Columns())
        values = [*_values(found, range(at, min(at + most + 1, len(found.value))))]
        return paged("metrics", history_message(request.metric_key, values), at, most)

    def _timed(self, run: TrackedRun, row: sa.Row[Any]) -> TrackedRun:
        """The run with the last value of each metric as its log has it: with the time that was said of it."""
        lasts = []
        for name, columns in measured(self._asking.home.attempt(row.id, row.attempt)).metrics.items():
            ((value, at_ms, step),) = _values(columns, range(len(columns.value) - 1, len(columns.value)))
            lasts.append(Point(key=name, value=value, timestamp=at_ms, step=step))
        logged = {point.key for point in lasts}
        rest = [point for point in run.metrics if point.key not in logged]
        return msgspec.structs.replace(run, metrics=[*lasts, *rest])


def _values(columns: Columns, places: range) -> Iterator[tuple[Any, int, int]]:
    """Value, time and step of each; where no step was said, how many values were there before."""
    for place in places:
        step = columns.step[place]
        at_ms = round(columns.at[place] * _MS)
        yield in_json(columns.value[place]), at_ms, place if math.isnan(step) else int(step)
