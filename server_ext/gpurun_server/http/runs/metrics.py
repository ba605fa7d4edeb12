"""What runs measured: their metrics, and what they used of devices and memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Annotated

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core import limits
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.names import listed
from gpurun_jupyter.core.numbers import Number, in_json
from gpurun_jupyter.core.runs import MetricSummary
from gpurun_server.http.base import AttemptNumber, GpurunHandler, operation
from gpurun_server.store.folders.columns import Columns, Measured, all_finite, measured, thinned
from gpurun_server.store.queries import find, metrics_in

_MOST_RUNS = 1000

_Most = Annotated[int, msgspec.Meta(ge=2, le=limits.LARGEST)] | None


class MetricsQuery(msgspec.Struct):
    """At most how many points of each metric, which metrics (repeatable, or `loss,acc`), which attempt; else all, of
    the last."""

    points: _Most = None
    names: list[str] = []
    attempt: AttemptNumber | None = None


class MetricsOfRunsQuery(msgspec.Struct):
    """The runs (repeatable), at most how many points of each metric, and which metrics (repeatable, or `loss,acc`)."""

    run: Annotated[list[str], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": _MOST_RUNS})] = []
    points: _Most = None
    names: list[str] = []


class SamplesQuery(msgspec.Struct):
    """At most how many points of each, and of which attempt."""

    points: _Most = None
    attempt: AttemptNumber | None = None


class Metric(msgspec.Struct):
    """A metric in columns; `time` is seconds since the attempt began, null stands where no step or epoch was said.

    `count` values were logged, and `last`, `min`, `max` are of them all; a value that is not finite is a word, and
    smallest and largest are of those that are, null where none is.
    """

    step: Sequence[float | None] | None
    time: Sequence[float]
    epoch: Sequence[float | None] | None
    value: Sequence[Number]
    count: int
    last: Number
    min: float | None
    max: float | None


class Metrics(msgspec.Struct):
    """The metrics of one attempt by name."""

    metrics: dict[str, Metric]
    attempt: int


class MetricsOfRuns(msgspec.Struct):
    """The metrics of several runs by their ids."""

    runs: dict[str, Metrics]


class Sampled(msgspec.Struct):
    """What was sampled, in columns; `time` is seconds since the attempt began."""

    time: Sequence[float]
    value: Sequence[float]


class Samples(msgspec.Struct):
    """What one attempt used, by what and whose: `util gpu0` in percent, `mem gpu0` and `rss` in bytes."""

    samples: dict[str, Sampled]
    attempt: int


class _Source(msgspec.Struct):
    """An attempt whose metrics are asked for, with what the database knows of them."""

    id: str
    attempt: int
    summaries: dict[str, MetricSummary]


class _MeasuredHandler(GpurunHandler):
    def source(self, reference: str, attempt: int | None = None) -> _Source:
        with self.parts.database.read() as conn:
            row = find(conn, reference, self.owner)
        return _Source(row.id, attempt or row.attempt, metrics_in(row))

    def measured(self, source: _Source) -> Measured:
        return measured(self.parts.home.attempt(source.id, source.attempt))

    def metrics(self, source: _Source, points: int | None, names: list[str]) -> Metrics:
        found = self.measured(source).metrics
        chosen = [name for name in listed(names, found) if name in found] if names else found
        told = {name: _metric(found[name], points, source.summaries.get(name)) for name in chosen}
        return Metrics(told, source.attempt)


class MetricsHandler(_MeasuredHandler):
    """`runs/{id}/metrics`."""

    @web.authenticated
    @authorized
    @operation("The values of its metrics in columns, thinned out on demand", query=MetricsQuery, answer=Metrics)
    async def get(self, reference: str) -> None:
        """Read."""
        query = self.query(MetricsQuery)
        source = self.source(reference, query.attempt)
        self.answer(await self.in_thread(lambda: self.metrics(source, query.points, query.names)))


class MetricsOfRunsHandler(_MeasuredHandler):
    """`metrics`."""

    @web.authenticated
    @authorized
    @operation("The metrics of several runs at once", query=MetricsOfRunsQuery, answer=MetricsOfRuns)
    async def get(self) -> None:
        """Read."""
        query = self.query(MetricsOfRunsQuery)
        if not 0 < len(query.run) <= _MOST_RUNS:
            raise InvalidRequest(f"Name 1 to {_MOST_RUNS} runs.", "Add run=ID for each of them.")
        sources = [self.source(reference) for reference in query.run]
        found = await self.in_thread(
            lambda: {source.id: self.metrics(source, query.points, query.names) for source in sources}
        )
        self.answer(MetricsOfRuns(found))


class SamplesHandler(_MeasuredHandler):
    """`runs/{id}/samples`."""

    @web.authenticated
    @authorized
    @operation("What it used of its devices and of memory over time, in columns", query=SamplesQuery, answer=Samples)
    async def get(self, reference: str) -> None:
        """Read."""
        query = self.query(SamplesQuery)
        source = self.source(reference, query.attempt)
        found = await self.in_thread(lambda: self.measured(source))
        told = {name: _sampled(columns, query.points) for name, columns in found.samples.items()}
        self.answer(Samples(told, source.attempt))


def _metric(columns: Columns, points: int | None, summary: MetricSummary | None) -> Metric:
    places, value = thinned(columns.value, points), columns.value
    summary = summary or _summary(value)
    return Metric(
        step=_said(columns.step, places),
        time=_at(columns.time, places),
        epoch=_said(columns.epoch, places),
        value=_in_json(_at(value, places)),
        count=len(value),
        last=in_json(value[-1]),
        min=summary.min,
        max=summary.max,
    )


def _summary(values: array[float]) -> MetricSummary:
    told = values if all_finite(values) else [value for value in values if math.isfinite(value)]
    return MetricSummary(in_json(values[-1]), min(told, default=None), max(told, default=None))


def _in_json(values: list[float]) -> Sequence[Number]:
    return values if all_finite(values) else [in_json(value) for value in values]


def _sampled(columns: Columns, points: int | None) -> Sampled:
    places = thinned(columns.value, points)
    return Sampled(_at(columns.time, places), _at(columns.value, places))


def _at(column: array[float], places: Sequence[int]) -> list[float]:
    return column.tolist() if isinstance(places, range) else [column[place] for place in places]


def _said(column: array[float], places: Sequence[int]) -> list[float | None] | None:
    """The column where there is something in it; JSON has no NaN and msgspec writes null for it."""
    found = _at(column, places)
    return None if all(map(math.isnan, found)) else [*found]


default_handlers = [
    (r"metrics", MetricsOfRunsHandler),
    (r"runs/([^/]+)/metrics", MetricsHandler),
    (r"runs/([^/]+)/samples", SamplesHandler),
]
