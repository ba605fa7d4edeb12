"""Where people sign in by name, MLflow's clients of one see, log and register nothing of another's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import JupyterServer
from tracking_door import Door


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    classes = ("identity_provider_class=two_users.ByToken", "authorizer_class=two_users.GuestsOnlyRead")
    options = tuple(f"--ServerApp.{one}" for one in classes)
    server = JupyterServer(tmp_path_factory.mktemp("tracked"), options=options)
    server.env["PYTHONPATH"] = str(Path(__file__).parents[1])
    server.http.headers["Authorization"] = "token token-of-anna"
    yield server.start()
    server.close()


@pytest.fixture(scope="module")
def anna(shared: JupyterServer) -> Iterator[Door]:
    made = Door(shared, "token-of-anna", "token")
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def bert(shared: JupyterServer) -> Iterator[Door]:
    made = Door(shared, "token-of-bert", "token")
    yield made
    made.http.close()


def test_runs_and_experiments_are_ones_own(anna: Door, bert: Door) -> None:
    project = anna.post("experiments/create", name="annas")["experiment_id"]
    run_id = anna.create(project, tags=[{"key": "secret", "value": "words"}])
    anna.post("runs/log-metric", run_id=run_id, key="acc", value=1)
    assert bert.search(project, "0") == []
    assert [one["name"] for one in bert.post("experiments/search")["experiments"]] == ["Default"]
    assert bert.refused("GET", "experiments/get", experiment_id=project)[0] == 404
    assert bert.refused("GET", "experiments/get-by-name", experiment_name="annas")[0] == 404
    own = bert.post("experiments/create", name="annas")["experiment_id"]
    assert own == project
    assert bert.search(project) == []
    berts = bert.create(project)
    assert (anna.search(project), bert.search(project)) == ([run_id], [berts])


def test_every_request_about_anothers_run_says_that_there_is_none(anna: Door, bert: Door) -> None:
    run_id = anna.create()
    anna.post("runs/log-metric", run_id=run_id, key="acc", value=1)  # the server remembers the run from here on
    anna.artifact("PUT", f"{run_id}/{run_id}/a.txt", content=b"annas")
    for method, path, asked in (
        ("GET", "runs/get", {}),
        ("GET", "metrics/get-history", {"metric_key": "acc"}),
        ("GET", "artifacts/list", {}),
        ("POST", "runs/log-metric", {"key": "a", "value": 1}),
        ("POST", "runs/log-parameter", {"key": "a", "value": "1"}),
        ("POST", "runs/log-batch", {"tags": [{"key": "a", "value": "1"}]}),
        ("POST", "runs/log-inputs", {}),
        ("POST", "runs/set-tag", {"key": "a", "value": "1"}),
        ("POST", "runs/delete-tag", {"key": "a"}),
        ("POST", "runs/update", {"status": "FINISHED"}),
        ("POST", "runs/delete", {}),
        ("POST", "runs/restore", {}),
        ("POST", "logged-models", {"source_run_id": run_id}),
    ):
        assert bert.refused(method, path, run_id=run_id, **asked)[:2] == (404, "RESOURCE_DOES_NOT_EXIST"), path
    nested = [{"key": "mlflow.parentRunId", "value": run_id}]
    assert bert.refused("POST", "runs/create", tags=nested)[0] == 404
    for method in ("GET", "PUT", "DELETE"):
        assert bert.artifact(method, f"{run_id}/{run_id}/a.txt", content=b"berts").status_code == 404, method
    listed = bert.http.get("api/2.0/mlflow-artifacts/artifacts", params={"path": f"{run_id}/{run_id}"})
    assert listed.status_code == 404
    assert anna.artifact("GET", f"{run_id}/{run_id}/a.txt").content == b"annas"
    assert "a" not in anna.run(run_id)["tags"]


def test_models_are_ones_own(anna: Door, bert: Door) -> None:
    run_id = anna.create()
    model = anna.post("logged-models", name="m", source_run_id=run_id)["model"]["info"]
    anna.artifact("PUT", f"{run_id}/{model['model_id']}/w", content=b"x")
    source = f"models:/{model['model_id']}"
    anna.post("model-versions/create", name="net", source=source, run_id=run_id)
    assert bert.get("registered-models/search")["registered_models"] == []
    assert bert.get("model-versions/search")["model_versions"] == []
    for path, asked in (("registered-models/get", {}), ("model-versions/get", {"version": "1"})):
        assert bert.refused("GET", path, name="net", **asked)[0] == 404
    assert bert.refused("GET", f"logged-models/{model['model_id']}")[0] == 404
    assert bert.artifact("GET", "models/net/1/w").status_code == 404
    for stolen in (source, "models:/net/1", f"runs:/{run_id}/x", f"mlflow-artifacts:/{run_id}/{model['model_id']}"):
        assert bert.refused("POST", "model-versions/create", name="stolen", source=stolen)[0] == 404, stolen


def test_who_may_only_read_changes_nothing(shared: JupyterServer) -> None:
    guest = Door(shared, "token-of-guest", "token")
    assert guest.get("experiments/search")["experiments"]
    status, code, _ = guest.refused("POST", "runs/create")
    assert (status, code) == (403, "PERMISSION_DENIED")
    assert guest.artifact("PUT", "a/b", content=b"x").status_code == 403
    guest.http.close()
