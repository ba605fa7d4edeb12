"""A run of MLflow's as we would have written it: its spec, and the events of its log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import groupby

from gpurun_jupyter.core import events
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.names import fitting
from gpurun_jupyter.core.numbers import in_json
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.queue.intake.mlflow.found import NAME, FoundRun, Point

#: A run that is not over is not imported, unless nothing was heard of it for so long, seconds: many of MLflow's are
#: called RUNNING for ever, because somebody killed them.
SILENT_S = 86_400.0
#: Facts about an imported run: MLflow's id, where it was found, and what tells whether it has changed since.
RUN_ID, STORE, MARK = "mlflow.run_id", "imported_from", "imported_mark"
#: And why its artifacts are not here.
LACKS = "artifacts_left_out"
_DEFAULT = "Default"  # the name of MLflow's first experiment
_HISTORY = "mlflow.log-model.history"  # long, and the models say it
_ENDS = {
    "FINISHED": (Outcome.SUCCEEDED, Reason.COMPLETED, ""),
    "FAILED": (Outcome.FAILED, Reason.EXCEPTION, "MLflow calls it FAILED."),
    "KILLED": (Outcome.CANCELLED, Reason.CANCELLED_BY, "MLflow calls it KILLED."),
}


def spec_of(run: FoundRun, parent: str | None) -> RunSpec:
    """The spec that stands for a run; `parent` is the run here that it belongs to."""
    name = run.name or run.tags.get(NAME, "")
    project = "default" if run.experiment == _DEFAULT else run.experiment
    return RunSpec(
        files=key_of(run.id),
        name=fitting(name, f"run-{run.id[:8]}"),
        project=fitting(project, "default"),
        parent=parent,
    )


def key_of(run_id: str) -> str:
    """What tells an imported run from others: MLflow's ids are never given twice, whichever store they are found in."""
    return f"mlflow:{run_id}"


def began_at(run: FoundRun) -> float:
    """When it began, seconds since the epoch."""
    known = [run.started_ms, run.ended_ms]
    return max(0.0, next((ms / 1000 for ms in known if ms), min((one.at for one in run.latest), default=time.time())))


def heard_at(run: FoundRun) -> float:
    """When something was last heard of it."""
    now = time.time()  # any time may be logged
    return max([began_at(run), *(point.at for point in run.latest if point.at < now)])


def log_of(run: FoundRun, points: Iterable[Point], facts: dict[str, str]) -> Iterator[events.Event]:
    """The events; `facts` are said before the tags."""
    began, ended = began_at(run), (run.ended_ms or 0) / 1000 or heard_at(run)
    lasts = max(0.0, ended - began)
    yield events.Start(v=events.FORMAT_VERSION, attempt=1, pid=0, devices=[], t=began)
    if run.parameters:
        yield events.Parameters(values={**_texts(run.parameters)}, t=began)
    yield from _metrics(points, began)
    tags = {name: value for name, value in _texts(run.tags).items() if name not in (NAME, _HISTORY)}
    yield events.Meta(values={**facts, **tags, **facts}, t=ended, m=lasts)
    yield _end(run, ended, lasts)


def _metrics(points: Iterable[Point], began: float) -> Iterator[events.Metric]:
    """What has one time and step is one event."""
    for (at, step), group in groupby(points, key=lambda point: (point.at, point.step)):
        values: dict[str, float] = {}
        for point in group:
            if point.name in values:
                yield _metric(values, at, step, began)
                values = {}
            values[point.name] = point.value
        yield _metric(values, at, step, began)


def _metric(values: dict[str, float], at: float, step: int, began: float) -> events.Metric:
    said = {name.replace("\0", ""): in_json(value) for name, value in values.items()}
    return events.Metric(values=said, step=step, t=at, m=max(0.0, at - began))


def _end(run: FoundRun, at: float, lasts: float) -> events.End:
    silent = f"MLflow still calls it {run.status or 'RUNNING'}, and nothing was heard of it for a day."
    outcome, reason, message = _ENDS.get(run.status, (Outcome.FAILED, Reason.AGENT_LOST, silent))
    return events.End(outcome=outcome, reason=reason, message=message, t=at, m=lasts)


def _texts(pairs: dict[str, str]) -> dict[str, str]:
    """Names and texts as every database takes them."""
    return {name.replace("\0", ""): value.replace("\0", "") for name, value in sorted(pairs.items())}
