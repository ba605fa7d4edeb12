"""What MLflow calls what a run has: names and texts as it takes them, steps, statuses, tags."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gpurun_jupyter.core.lifecycle import Outcome
from gpurun_jupyter.core.numbers import in_json
from gpurun_jupyter.core.parameters import LOGGED, told
from gpurun_jupyter.core.runs import Run, RunSpec

#: The tag that tells which of our runs it is.
RUN_ID = "gpurun.run_id"
FINISHED = {
    Outcome.SUCCEEDED: "FINISHED",
    Outcome.FAILED: "FAILED",
    Outcome.TIMED_OUT: "FAILED",
    Outcome.CANCELLED: "KILLED",
}
#: Facts that mean something only here, and such as name runs of another server.
_OURS = {LOGGED, "imported_bytes", "imported_from", "imported_mark", "artifacts_left_out"}
_OF_MLFLOW = {"mlflow.run_id", "mlflow.parentRunId"}
_NOT_IN_NAMES = re.compile(r"[^/\w.\- :]")
_LONGEST_NAME, _LONGEST_PARAMETER, _LONGEST_TAG = 250, 6000, 5000


def experiment_of(project: str) -> str:
    """The experiment of a project; what belongs to none has the same name in each."""
    return "Default" if project == "default" else project


def milliseconds(at: float) -> int:
    """A time, seconds since the epoch."""
    return round(at * 1000)


def parameters_of(record: Run) -> dict[str, str]:
    """What the run was told and what its code logged."""
    assert record.spec is not None
    found = told(record.spec, record.meta)
    return {_name(name): value[:_LONGEST_PARAMETER] for name, value in found.items()}


def tags_of(record: Run) -> dict[str, str]:
    """Where it comes from, how it ended, and the facts that it told."""
    assert record.spec is not None
    own = {
        "mlflow.user": record.owner,
        **_source(record.spec),
        "gpurun.kind": record.kind,
        "gpurun.outcome": str(record.outcome or ""),
        "gpurun.reason": str(record.reason or ""),
        "gpurun.message": record.message,
        "gpurun.tags": ", ".join(record.tags),
    }
    facts = {_name(name): _text(value) for name, value in record.meta.items() if name not in _OURS | _OF_MLFLOW}
    return {name: value[:_LONGEST_TAG] for name, value in {**own, **facts}.items() if value}


def points_of(metrics: Mapping[str, Mapping[str, Any]], began: float) -> Iterator[dict[str, Any]]:
    """The values of all metrics, as `Run.metrics` has them, one after another."""
    for name, metric in metrics.items():
        for value, time, step in zip(metric["value"], metric["time"], _steps(metric), strict=True):
            yield {"key": _name(name), "value": in_json(value), "timestamp": milliseconds(began + time), "step": step}


def _steps(metric: Mapping[str, Any]) -> list[int]:
    """MLflow's are whole numbers, and each point has one: where that cannot be, points are counted."""
    count = len(metric["value"])
    for column in (metric["step"], metric["epoch"]):
        if column and all(step is not None and float(step).is_integer() for step in column):
            return [int(step) for step in column]
    return list(range(count))


def _source(spec: RunSpec) -> dict[str, str]:
    """What was run, and the commit that it had."""
    origin = spec.origin
    if spec.notebook is not None or spec.code is not None:
        notebook = spec.notebook.name if spec.notebook else (origin and origin.notebook) or ""
        found = {"mlflow.source.name": notebook, "mlflow.source.type": "NOTEBOOK" if notebook else ""}
    else:
        what = " ".join(spec.dir.what) if spec.dir else spec.files or ""
        found = {"mlflow.source.name": what, "mlflow.source.type": "LOCAL"}
    return found | {"mlflow.source.git.commit": (origin and origin.commit) or ""}


def _name(name: str) -> str:
    """A name that MLflow takes: its stores of files make paths of them."""
    cleaned = _NOT_IN_NAMES.sub("_", name)[:_LONGEST_NAME]
    if posixpath.normpath(cleaned) != cleaned or cleaned.startswith(("/", "..")) or cleaned == ".":
        cleaned = cleaned.replace("/", "_").replace("..", "_") or "_"
    return "_" if cleaned == "." else cleaned


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
