"""What clients of MLflow are told: the messages of mlflow/protos/service.proto as JSON. Times are milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.core.numbers import Number, in_json
from gpurun_jupyter.tracking.requests import Point

RUN_NAME, PARENT, USER = "mlflow.runName", "mlflow.parentRunId", "mlflow.user"

_OF_OUTCOME = {
    Outcome.SUCCEEDED: "FINISHED",
    Outcome.FAILED: "FAILED",
    Outcome.TIMED_OUT: "FAILED",
    Outcome.CANCELLED: "KILLED",
}
_OUTCOMES = {"FINISHED": Outcome.SUCCEEDED, "FAILED": Outcome.FAILED, "KILLED": Outcome.CANCELLED}


class TrackedRun(msgspec.Struct, kw_only=True):
    """A run as MLflow's clients see it; `root` is the run in whose workspace its artifacts are."""

    id: str
    name: str
    experiment_id: str
    user: str
    status: str
    start_ms: int
    root: str
    end_ms: int | None = None
    parent: str | None = None
    deleted: bool = False
    metrics: list[Point] = []
    params: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    inputs: list[dict[str, Any]] = []
    outputs: list[dict[str, Any]] = []


def status_of(state: State, outcome: Outcome | None) -> str:
    """What MLflow calls the state of a run."""
    if outcome is not None:
        return _OF_OUTCOME[outcome]
    return "SCHEDULED" if state in (State.CREATED, State.QUEUED) else "RUNNING"


def outcome_of(status: str | None) -> Outcome | None:
    """How a run ended to which a client gives this status; None where that is no end."""
    return _OUTCOMES.get(status or "")


def run_info(run: TrackedRun) -> dict[str, Any]:
    """RunInfo."""
    ends = {} if run.end_ms is None else {"end_time": run.end_ms}
    return {
        "run_id": run.id,
        "run_uuid": run.id,
        "run_name": run.name,
        "experiment_id": run.experiment_id,
        "user_id": run.user,
        "status": run.status,
        "start_time": run.start_ms,
        **ends,
        "artifact_uri": artifact_uri(run.root, run.id),
        "lifecycle_stage": "deleted" if run.deleted else "active",
    }


def run_message(run: TrackedRun) -> dict[str, Any]:
    """Run."""
    own = {RUN_NAME: run.name, USER: run.user} | ({PARENT: run.parent} if run.parent else {})
    data = {
        "metrics": [point_message(point) for point in run.metrics],
        "params": pairs(run.params),
        "tags": pairs({**own, **run.tags, **own}),
    }
    return {
        "info": run_info(run),
        "data": data,
        "inputs": {"dataset_inputs": run.inputs},
        "outputs": {"model_outputs": run.outputs},
    }


def point_message(point: Point) -> dict[str, Any]:
    """Metric."""
    return {"key": point.key, "value": in_json(float(point.value)), "timestamp": point.timestamp, "step": point.step}


def history_message(key: str, points: Iterable[tuple[Number, int, int]]) -> list[dict[str, Any]]:
    """Metrics of one name: value, time and step of each."""
    return [{"key": key, "value": value, "timestamp": at, "step": step} for value, at, step in points]


def experiment_message(
    experiment_id: str, name: str, *, created_ms: int = 0, deleted: bool = False, tags: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Experiment."""
    return {
        "experiment_id": experiment_id,
        "name": name,
        "artifact_location": f"mlflow-artifacts:/{experiment_id}",
        "lifecycle_stage": "deleted" if deleted else "active",
        "creation_time": created_ms,
        "last_update_time": created_ms,
        "tags": pairs(tags or {}),
    }


def pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags or parameters."""
    return [{"key": key, "value": value} for key, value in values.items()]


def artifact_uri(root: str, whose: str) -> str:
    """Where the artifacts of a run or of a logged model are: `whose` below those of the run `root`."""
    return f"mlflow-artifacts:/{root}/{whose}"


def text_of(value: Any) -> str:
    """A parameter or a fact of ours as MLflow has them: always a text."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
