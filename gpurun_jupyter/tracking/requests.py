"""What clients of MLflow ask: the fields that count of the messages in mlflow/protos/service.proto and its neighbours.

Fields that are not here are passed over. Times are milliseconds since the epoch.
"""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

import msgspec

from gpurun_jupyter.core.names import Text
from gpurun_jupyter.core.numbers import Number
from gpurun_jupyter.tracking.refusals import Refused

#: As the database and our events know them.
Int = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Value = Annotated[str, msgspec.Meta(max_length=8000, pattern=r"^[^\x00]*$")]
Status = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED", "UNFINISHED"]
Most = Annotated[int, msgspec.Meta(ge=1, le=50_000)]


def _now_ms() -> int:
    return round(time.time() * 1000)


class Request(msgspec.Struct, kw_only=True):
    """A request; what it leaves out has its default."""


class Tag(Request, kw_only=True):
    """A tag, or a parameter."""

    key: Key
    value: Value = ""


class Param(Request, kw_only=True):
    """A parameter."""

    key: Key
    value: Value = ""


class Point(Request, kw_only=True):
    """A value of a metric."""

    key: Key
    value: Number
    timestamp: Int = msgspec.field(default_factory=_now_ms)
    step: Int = 0


# experiments


class ByName(Request, kw_only=True):
    """`experiments/get-by-name`."""

    experiment_name: Text


class CreateExperiment(Request, kw_only=True):
    """`experiments/create`."""

    name: Text
    tags: list[Tag] = []


class ById(Request, kw_only=True):
    """`experiments/get`, `delete` and `restore`."""

    experiment_id: Text


class UpdateExperiment(ById, kw_only=True):
    """`experiments/update`."""

    new_name: Text = ""


class SearchExperiments(Request, kw_only=True):
    """`experiments/search`."""

    max_results: Most = 1000
    page_token: str = ""
    filter: Text = ""
    order_by: list[Text] = []
    view_type: Literal["ACTIVE_ONLY", "DELETED_ONLY", "ALL"] = "ACTIVE_ONLY"


class ExperimentTag(ById, kw_only=True):
    """`experiments/set-experiment-tag` and `delete-experiment-tag`."""

    key: Key
    value: Value = ""


# runs


class CreateRun(Request, kw_only=True):
    """`runs/create`."""

    experiment_id: Text = "0"
    user_id: Text = ""
    run_name: Text = ""
    start_time: Int | None = None
    tags: list[Tag] = []


class OfRun(Request, kw_only=True):
    """A request about one run, which older clients call `run_uuid`."""

    run_id: Text = ""
    run_uuid: Text = ""

    @property
    def run(self) -> str:
        """The id. Raises Refused where there is none."""
        if found := self.run_id or self.run_uuid:
            return found
        raise Refused("The request does not say which run: its run_id is missing.")


class UpdateRun(OfRun, kw_only=True):
    """`runs/update`."""

    status: Status | None = None
    end_time: Int | None = None
    run_name: Text = ""


class LogMetric(OfRun, kw_only=True):
    """`runs/log-metric`."""

    key: Key
    value: Number
    timestamp: Int = msgspec.field(default_factory=_now_ms)
    step: Int = 0


class LogParam(OfRun, kw_only=True):
    """`runs/log-parameter`."""

    key: Key
    value: Value = ""


class SetTag(OfRun, kw_only=True):
    """`runs/set-tag`."""

    key: Key
    value: Value = ""


class DeleteTag(OfRun, kw_only=True):
    """`runs/delete-tag`."""

    key: Key


class LogBatch(OfRun, kw_only=True):
    """`runs/log-batch`."""

    metrics: list[Point] = []
    params: list[Param] = []
    tags: list[Tag] = []


class LogModelJson(OfRun, kw_only=True):
    """`runs/log-model`, as clients before MLflow 3 do."""

    model_json: str = "{}"


class LogInputs(OfRun, kw_only=True):
    """`runs/log-inputs`: data sets that were used, as MLflow has them."""

    datasets: list[dict[str, Any]] = []


class LogOutputs(OfRun, kw_only=True):
    """`runs/outputs`: logged models that the run made, each with its `model_id` and `step`."""

    models: list[dict[str, Any]] = []


class SearchRuns(Request, kw_only=True):
    """`runs/search`."""

    experiment_ids: list[Text] = []
    filter: Text = ""
    run_view_type: Literal["ACTIVE_ONLY", "DELETED_ONLY", "ALL"] = "ACTIVE_ONLY"
    max_results: Most = 1000
    order_by: list[Text] = []
    page_token: str = ""


class MetricHistory(OfRun, kw_only=True):
    """`metrics/get-history`."""

    metric_key: Key
    max_results: Annotated[int, msgspec.Meta(ge=1)] | None = None
    page_token: str = ""


class ListArtifacts(OfRun, kw_only=True):
    """`artifacts/list`."""

    path: Text = ""
    page_token: str = ""
