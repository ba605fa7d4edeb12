"""What the code of a run may ask beyond its run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.questions import Question
from gpurun_server.queue.tracking.questions import answer_run
from gpurun_server.queue.tracking.tracking import answer
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import Database

API = "api/2.0/mlflow/"


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[tuple[Home, Database, Blobs]]:
    home = Home(tmp_path / "home")
    home.create()
    database = Database(home)
    database.prepare()
    yield home, database, Blobs(home)
    database.close()


def told(found: Any) -> dict[str, Any]:
    return dict(json.loads(found.body))


def of_a_notebook(parts: tuple[Home, Database, Blobs], path: str, **fields: Any) -> dict[str, Any]:
    return told(answer(*parts, "anna", "POST", API + path, {}, json.dumps(fields).encode()))


def of_a_run(parts: tuple[Home, Database, Blobs], method: str, path: str, **fields: Any) -> Any:
    query = {name: [str(value)] for name, value in fields.items()} if method == "GET" else {}
    body = b"" if method == "GET" else json.dumps(fields).encode()
    return answer_run(*parts, "anna", Question(method, API + path, query, body))


def test_it_reads_what_its_owner_may(parts: tuple[Home, Database, Blobs]) -> None:
    run_id = of_a_notebook(parts, "runs/create", run_name="of a notebook")["run"]["info"]["run_id"]
    assert of_a_run(parts, "GET", "runs/get", run_id=run_id).status == 200
    (found,) = told(of_a_run(parts, "POST", "runs/search", experiment_ids=["0"]))["runs"]
    assert found["info"]["run_id"] == run_id
    stranger = answer_run(*parts, "bert", Question("GET", f"{API}runs/get", {"run_id": [run_id]}))
    assert stranger.status == 404


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("POST", "runs/delete", {}),
        ("POST", "runs/update", {"status": "FAILED"}),
        ("POST", "runs/log-metric", {"key": "acc", "value": 1}),
        ("POST", "runs/set-tag", {"key": "a", "value": "b"}),
        ("POST", "experiments/delete", {"experiment_id": "0"}),
        ("DELETE", "registered-models/delete", {"name": "digits"}),
    ],
)
def test_it_changes_no_other_run_and_deletes_nothing(
    parts: tuple[Home, Database, Blobs], method: str, path: str, fields: dict[str, Any]
) -> None:
    run_id = of_a_notebook(parts, "runs/create", run_name="of a notebook")["run"]["info"]["run_id"]
    of_a_notebook(parts, "registered-models/create", name="digits")
    refused = of_a_run(parts, method, path, **({"run_id": run_id} | fields))
    assert (refused.status, told(refused)["error_code"]) == (403, "PERMISSION_DENIED")
    assert "%gpurun mlflow" in told(refused)["message"]
    assert told(of_a_run(parts, "GET", "runs/get", run_id=run_id))["run"]["info"]["status"] == "RUNNING"
    assert of_a_run(parts, "GET", "registered-models/get", name="digits").status == 200


def test_what_is_not_answered_stays_so(parts: tuple[Home, Database, Blobs]) -> None:
    assert told(of_a_run(parts, "POST", "traces/search"))["error_code"] == "ENDPOINT_NOT_FOUND"
    away = Question("DELETE", "api/2.0/mlflow-artifacts/artifacts/a/a/x")
    assert answer_run(*parts, "anna", away).status in (403, 404)
