"""What is logged through MLflow, as events of ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

import msgspec

from gpurun_jupyter.core.events import Meta, Metric, Parameters
from gpurun_jupyter.core.numbers import Number, in_json
from gpurun_jupyter.tracking.refusals import Refused
from gpurun_jupyter.tracking.requests import Param, Point, Tag

BY = "mlflow/client"
#: What is kept of a run: parameters, and facts as JSON, of at most so many characters each.
_LONGEST_PARAMETER, _LONGEST_FACT = 6000, 8000
_MS = 1000


def metric_events(points: Iterable[Point], began_at: float) -> Iterator[Metric]:
    """Values of one moment and step are one event; `began_at` is when the attempt began, for the time since then."""
    for (timestamp, step), same in groupby(points, lambda point: (point.timestamp, point.step)):
        t = timestamp / _MS
        values: dict[str, Number] = {}
        for point in same:
            if point.key in values:  # the same twice in one millisecond
                yield Metric(values=values, step=step, by=BY, t=t, m=max(0.0, t - began_at))
                values = {}
            values[point.key] = in_json(float(point.value))
        yield Metric(values=values, step=step, by=BY, t=t, m=max(0.0, t - began_at))


def parameter_events(known: Mapping[str, str], params: Iterable[Param]) -> Iterator[Parameters]:
    """Parameters that are new. Raises Refused where one has another value already: MLflow changes none."""
    new: dict[str, str | bool | int | float] = {}
    for param in params:
        before = known.get(param.key, new.get(param.key))
        if before is not None and before != param.value:
            raise Refused(
                f"The parameter {param.key!r} is {before!r} already and cannot become {param.value!r}; "
                "log it under another name, or in another run."
            )
        if len(param.value) > _LONGEST_PARAMETER:
            raise _too_long("parameter", param.key, _LONGEST_PARAMETER)
        if before is None:
            new[param.key] = param.value
    if new:
        yield Parameters(values=new, by=BY)


def tag_events(tags: Iterable[Tag]) -> Iterator[Meta]:
    """Tags are facts. Raises Refused for one that is too long to be kept."""
    if values := {tag.key: tag.value for tag in tags}:
        for key, value in values.items():
            if len(msgspec.json.encode(value).decode()) > _LONGEST_FACT:
                raise _too_long("tag", key, _LONGEST_FACT)
        yield Meta(values=values)


def _too_long(what: str, key: str, most: int) -> Refused:
    return Refused(f"The {what} {key!r} is longer than {most:,} characters; log it as an artifact.")
