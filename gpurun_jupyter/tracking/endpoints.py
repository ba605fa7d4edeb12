"""Which request a method and a path are. `mlflow-artifacts` is not among them: bytes are no JSON.

Paths are those of MLflow's REST (mlflow.org/docs/latest/api_reference/rest-api.html), below `api/2.0` or, as its pages
ask, `ajax-api/2.0`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from gpurun_jupyter.tracking import model_requests as models_asked
from gpurun_jupyter.tracking import requests as asked
from gpurun_jupyter.tracking.refusals import NO_ENDPOINT, Refused

#: The variable that leads clients to a tracking server.
TRACKING_URI = "MLFLOW_TRACKING_URI"
#: What stands before each path.
PREFIX = r"(?:ajax-)?api/\d\.\d/"

_ENDPOINTS: tuple[tuple[str, str, str, type[asked.Request]], ...] = (
    ("GET", "experiments/get-by-name", "get_experiment_by_name", asked.ByName),
    ("POST", "experiments/create", "create_experiment", asked.CreateExperiment),
    ("GET", "experiments/search", "search_experiments", asked.SearchExperiments),
    ("POST", "experiments/search", "search_experiments", asked.SearchExperiments),
    ("GET", "experiments/get", "get_experiment", asked.ById),
    ("POST", "experiments/delete", "delete_experiment", asked.ById),
    ("POST", "experiments/restore", "restore_experiment", asked.ById),
    ("POST", "experiments/update", "update_experiment", asked.UpdateExperiment),
    ("POST", "experiments/set-experiment-tag", "set_experiment_tag", asked.ExperimentTag),
    ("POST", "experiments/delete-experiment-tag", "delete_experiment_tag", asked.ExperimentTag),
    ("POST", "runs/create", "create_run", asked.CreateRun),
    ("POST", "runs/update", "update_run", asked.UpdateRun),
    ("POST", "runs/delete", "delete_run", asked.OfRun),
    ("POST", "runs/restore", "restore_run", asked.OfRun),
    ("GET", "runs/get", "get_run", asked.OfRun),
    ("POST", "runs/search", "search_runs", asked.SearchRuns),
    ("POST", "runs/log-metric", "log_metric", asked.LogMetric),
    ("POST", "runs/log-parameter", "log_param", asked.LogParam),
    ("POST", "runs/set-tag", "set_tag", asked.SetTag),
    ("POST", "runs/delete-tag", "delete_tag", asked.DeleteTag),
    ("POST", "runs/log-batch", "log_batch", asked.LogBatch),
    ("POST", "runs/log-model", "log_model_json", asked.LogModelJson),
    ("POST", "runs/log-inputs", "log_inputs", asked.LogInputs),
    ("POST", "runs/outputs", "log_outputs", asked.LogOutputs),
    ("GET", "metrics/get-history", "get_metric_history", asked.MetricHistory),
    ("GET", "artifacts/list", "list_artifacts", asked.ListArtifacts),
    ("POST", "logged-models", "create_logged_model", models_asked.CreateLoggedModel),
    ("POST", "logged-models/search", "search_logged_models", models_asked.SearchLoggedModels),
    ("PATCH", "logged-models/{model_id}", "finalize_logged_model", models_asked.FinalizeLoggedModel),
    ("GET", "logged-models/{model_id}", "get_logged_model", models_asked.OfLoggedModel),
    ("DELETE", "logged-models/{model_id}", "delete_logged_model", models_asked.OfLoggedModel),
    ("PATCH", "logged-models/{model_id}/tags", "set_logged_model_tags", models_asked.LoggedModelTags),
    ("DELETE", "logged-models/{model_id}/tags/{tag_key}", "delete_logged_model_tag", models_asked.LoggedModelTag),
    ("POST", "logged-models/{model_id}/params", "log_logged_model_params", models_asked.LoggedModelParams),
    ("GET", "logged-models/{model_id}/artifacts/directories", "list_logged_model", models_asked.LoggedModelArtifacts),
    ("POST", "registered-models/create", "create_model", models_asked.CreateModel),
    ("POST", "registered-models/rename", "rename_model", models_asked.RenameModel),
    ("PATCH", "registered-models/update", "update_model", models_asked.UpdateModel),
    ("DELETE", "registered-models/delete", "delete_model", models_asked.OfModel),
    ("GET", "registered-models/get", "get_model", models_asked.OfModel),
    ("GET", "registered-models/search", "search_models", models_asked.SearchModels),
    ("GET", "registered-models/get-latest-versions", "get_latest_versions", models_asked.LatestVersions),
    ("POST", "registered-models/get-latest-versions", "get_latest_versions", models_asked.LatestVersions),
    ("POST", "registered-models/set-tag", "set_model_tag", models_asked.ModelTag),
    ("DELETE", "registered-models/delete-tag", "delete_model_tag", models_asked.ModelTag),
    ("POST", "registered-models/alias", "set_alias", models_asked.ModelAlias),
    ("DELETE", "registered-models/alias", "delete_alias", models_asked.ModelAlias),
    ("GET", "registered-models/alias", "get_version_by_alias", models_asked.ModelAlias),
    ("POST", "model-versions/create", "create_version", models_asked.CreateVersion),
    ("PATCH", "model-versions/update", "update_version", models_asked.UpdateVersion),
    ("DELETE", "model-versions/delete", "delete_version", models_asked.OfVersion),
    ("GET", "model-versions/get", "get_version", models_asked.OfVersion),
    ("GET", "model-versions/search", "search_versions", models_asked.SearchModels),
    ("GET", "model-versions/get-download-uri", "get_download_uri", models_asked.OfVersion),
    ("POST", "model-versions/set-tag", "set_version_tag", models_asked.VersionTag),
    ("DELETE", "model-versions/delete-tag", "delete_version_tag", models_asked.VersionTag),
    ("POST", "model-versions/transition-stage", "transition_stage", models_asked.Stage),
)


class Endpoint(NamedTuple):
    """What is asked: the method of the answering object that answers it, and the request that this takes."""

    name: str
    request: asked.Request


_BY_PATH = [
    (method, re.compile(PREFIX + "mlflow/" + re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path)), name, kind)
    for method, path, name, kind in _ENDPOINTS
]
_FIXED = {(method, path): (name, kind) for method, path, name, kind in _ENDPOINTS if "{" not in path}
_ARTIFACT = re.compile(PREFIX + "mlflow-artifacts/artifacts/(.+)")
_START = re.compile(PREFIX + "mlflow/")
_LISTS = {
    kind: frozenset(field.encode_name for field in msgspec.structs.fields(kind) if field.default_factory is list)
    for _, _, _, kind in _ENDPOINTS
}


def artifact_in(path: str) -> str:
    """The artifact whose bytes a path asks for, such as `RUN/RUN/model.pkl`; empty where it asks for something else."""
    found = _ARTIFACT.fullmatch(path)
    return unquote(found[1]) if found else ""


def endpoint_named(method: str, path: str) -> str:
    """What a path asks for, by the name of its endpoint. Raises Refused."""
    return _found(method, path)[0]


def endpoint_at(method: str, path: str, query: Mapping[str, Sequence[str]], body: bytes) -> Endpoint:
    """What is asked. `path` is what follows the address of the door. Raises Refused."""
    name, kind, in_path = _found(method, path)
    try:
        fields = {key: list(values) if key in _LISTS[kind] else values[-1] for key, values in query.items()}
        if not (fields or in_path):
            return Endpoint(name, msgspec.json.decode(body or b"{}", type=kind, strict=False))
        said = msgspec.json.decode(body, type=dict[str, Any]) if body else {}
        return Endpoint(name, msgspec.convert({**said, **fields, **in_path}, kind, strict=False))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"The request {name} cannot be read: {error}.") from error


def _found(method: str, path: str) -> tuple[str, type[asked.Request], dict[str, str]]:
    if start := _START.match(path):
        if known := _FIXED.get((method, path[start.end() :])):
            return *known, {}
        for its_method, pattern, name, kind in _BY_PATH:
            if method == its_method and (found := pattern.fullmatch(path)):
                return name, kind, {key: unquote(value) for key, value in found.groupdict().items()}
    raise Refused(f"gpurun does not answer {method} {path}; it speaks the tracking part of MLflow.", NO_ENDPOINT)
