"""What a tracking server answers, read: the answers are those of MLflow 3.17."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from gpurun_jupyter.core.system.tracking_server import Address, TrackingServer
from gpurun_server.queue.intake.mlflow.found import NotReadable
from gpurun_server.queue.intake.mlflow.server_store import ServerStore

RUN = {
    "info": {
        "run_uuid": "3d57",
        "run_id": "3d57",
        "experiment_id": "1",
        "run_name": "parent/a",
        "status": "FINISHED",
        "start_time": 1796046028475,
        "end_time": 1796046062585,
        "artifact_uri": "s3://bucket/1/3d57/artifacts",
        "lifecycle_stage": "active",
    },
    "data": {
        "metrics": [{"key": "bad", "value": -1.7976931348623157e308, "timestamp": 1796046028634, "step": 2}],
        "params": [{"key": "lr", "value": "0.1"}],
        "tags": [{"key": "mlflow.runName", "value": "parent/a"}],
    },
    "outputs": {"model_outputs": [{"model_id": "m-51", "step": 0}, {"model_id": "m-gone", "step": 0}]},
}
HISTORY = [
    {"key": "bad", "value": -1.7976931348623157e308, "timestamp": 1796046028634, "step": 2},
    {"key": "bad", "value": "NaN", "timestamp": 1796046028611, "step": 0},
]
VERSIONS = [
    {"name": "net", "version": "2", "current_stage": "Production", "run_id": "3d57", "status": "READY"},
    {"name": "net", "version": "1", "current_stage": "Production", "source": "s3://old", "status": "READY"},
    {"name": "net", "version": "3", "current_stage": "None", "status": "FAILED_REGISTRATION"},
]
ANSWERS: dict[str, Any] = {
    "experiments/search?ACTIVE_ONLY": {"experiments": [{"experiment_id": "1", "name": "digits"}]},
    "experiments/search?DELETED_ONLY": {"experiments": [{"experiment_id": "3", "name": "gone"}]},
    "runs/search?ACTIVE_ONLY": {"runs": [RUN]},
    "runs/search?DELETED_ONLY": {"runs": [RUN, RUN]},
    "metrics/get-history?": {"metrics": HISTORY},
    "logged-models/m-51?": {"model": {"info": {"name": "model", "artifact_uri": "mlflow-artifacts:/1/models/m-51/a"}}},
    "artifacts/list?": {"files": [{"path": "notes", "is_dir": True}]},
    "artifacts/list?notes": {"files": [{"path": "notes/a b.txt", "is_dir": False, "file_size": 5}]},
    "registered-models/search?": {
        "registered_models": [{"name": "net", "aliases": [{"alias": "champion", "version": "1"}]}, {"name": "empty"}]
    },
    "model-versions/search?": {"model_versions": VERSIONS},
    "model-versions/get-download-uri?": {"artifact_uri": "mlflow-artifacts:/1/models/m-51/a"},
}


def answer(request: httpx.Request) -> httpx.Response:
    route = request.url.path.partition("/api/2.0/mlflow/")[2]
    asked = dict(request.url.params) | (json.loads(request.content) if request.content else {})
    if request.url.path == "/base/get-artifact":
        assert asked["run_id"] == "3d57"
        return httpx.Response(200, content=f"bytes of {asked['path']}".encode())
    if request.url.path.startswith("/base/api/2.0/mlflow-artifacts/artifacts"):
        path = request.url.path.partition("/artifacts")[2]
        files = {"files": [{"path": "MLmodel", "is_dir": False}]}
        return httpx.Response(200, content=path.encode()) if path else httpx.Response(200, json=files)
    view = asked.get("view_type") or asked.get("run_view_type") or asked.get("path") or ""
    if (found := ANSWERS.get(f"{route}?{view}")) is None:
        return httpx.Response(404, json={"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"no {route}"})
    return httpx.Response(200, json=found)


@pytest.fixture
def store() -> ServerStore:
    return ServerStore(TrackingServer(Address("http://lab/base"), httpx.MockTransport(answer)))


def test_a_run_with_its_points(store: ServerStore) -> None:
    (run,) = store.runs()
    assert (run.id, run.experiment, run.name, run.status) == ("3d57", "digits", "parent/a", "FINISHED")
    assert (run.started_ms, run.ended_ms) == (1796046028475, 1796046062585)
    assert (run.parameters, run.tags) == ({"lr": "0.1"}, {"mlflow.runName": "parent/a"})
    points = [*store.points(run)]
    assert [(str(point.value), point.step, point.at) for point in points] == [
        ("nan", 0, 1796046028.611),
        ("-inf", 2, 1796046028.634),
    ]


def test_artifacts_that_only_the_server_has_the_keys_to(store: ServerStore) -> None:
    (run,) = store.runs()
    (file,) = store.files(run.artifacts, run)
    assert (file.path, b"".join(file.pieces())) == ("notes/a b.txt", b"bytes of notes/a b.txt")
    with pytest.raises(NotReadable, match="in s3://bucket/model, which the tracking server does not hand out"):
        store.files("s3://bucket/model", None)


def test_no_other_machine_names_paths_of_this_one(store: ServerStore, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(NotReadable, match="does not hand out"):
        store.files(str(tmp_path), None)
    here = ServerStore(TrackingServer(Address("http://127.0.0.1:5000"), httpx.MockTransport(answer)))
    assert [file.path for file in here.files(str(tmp_path), None)] == ["mine.txt"]


def test_the_models_that_a_run_logged(store: ServerStore) -> None:
    (run,) = store.runs()
    ((name, uri),) = store.models(run)  # the other was deleted
    assert name == "model"
    (file,) = store.files(uri, run)
    assert (file.path, b"".join(file.pieces())) == ("MLmodel", b"/1/models/m-51/a/MLmodel")


def test_versions_with_aliases_and_stages(store: ServerStore) -> None:
    found = {version.version: version for version in store.versions()}
    assert [*found] == [1, 2]
    assert (found[1].aliases, found[2].aliases) == (["champion"], ["production"])
    assert (found[2].run_id, found[2].files) == ("3d57", "mlflow-artifacts:/1/models/m-51/a")


def test_what_is_deleted_is_counted(store: ServerStore) -> None:
    assert store.deleted() == "2 runs and 1 experiment that MLflow has deleted are left out."
