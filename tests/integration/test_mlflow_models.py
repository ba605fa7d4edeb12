"""Artifacts of runs, and models, as MLflow's clients send, fetch and register them beside Jupyter."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from servers import TOKEN, JupyterServer
from tracking_door import Door


@pytest.fixture(scope="module")
def door(server: JupyterServer) -> Iterator[Door]:
    made = Door(server)
    yield made
    made.http.close()


def put(door: Door, address: str, content: bytes) -> None:
    answer = door.artifact("PUT", address, content=content)
    assert (answer.status_code, answer.json()) == (200, {}), answer.text


def raw_put(server: JupyterServer, address: str) -> tuple[int, str]:
    """Send a file to an address as it stands: httpx would make another one of it."""
    connection = HTTPConnection("127.0.0.1", server.port)
    path = f"{server.base_url}gpurun/mlflow/api/2.0/mlflow-artifacts/artifacts/{address}"
    connection.request("PUT", path, b"evil", {"Authorization": f"token {TOKEN}"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def work(server: JupyterServer, run_id: str) -> Path:
    return server.home / "runs" / run_id / "attempts" / "1" / "work"


def test_files_go_up_and_come_down(server: JupyterServer, door: Door) -> None:
    run_id = door.create()
    big = os.urandom(5 * 2**20)
    put(door, f"{run_id}/{run_id}/big.bin", big)
    put(door, f"{run_id}/{run_id}/sub/a%20b%C3%BC.txt", b"hello")
    put(door, f"{run_id}/{run_id}/sub/empty", b"")
    put(door, f"{run_id}/{run_id}/sub/empty", b"no more")
    assert door.artifact("GET", f"{run_id}/{run_id}/big.bin").content == big
    assert door.artifact("GET", f"{run_id}/{run_id}/sub/a bü.txt").content == b"hello"
    assert door.listed(f"{run_id}/{run_id}") == {"big.bin": len(big), "sub": None}
    assert door.listed(f"{run_id}/{run_id}/sub") == {"a bü.txt": 5, "empty": 7}
    assert door.listed(f"{run_id}/{run_id}/big.bin") == {}
    assert door.listed(f"{run_id}/{run_id}/nothing") == {}
    told = door.get("artifacts/list", run_id=run_id, path="sub")
    assert told["root_uri"] == f"mlflow-artifacts:/{run_id}/{run_id}"
    assert {one["path"]: one["is_dir"] for one in told["files"]} == {"sub/a bü.txt": False, "sub/empty": False}
    listed = server.http.get(f"runs/{run_id}/files").json()["files"]
    assert f"mlartifacts/{run_id}/big.bin" in [file["path"] for file in listed]
    assert not [*(work(server, run_id).parent / "incoming").iterdir()]


def test_files_and_folders_are_deleted(door: Door) -> None:
    run_id = door.create()
    for name in ("a", "sub/b", "sub/c"):
        put(door, f"{run_id}/{run_id}/{name}", b"x")
    assert door.artifact("DELETE", f"{run_id}/{run_id}/sub/b").status_code == 200
    assert door.listed(f"{run_id}/{run_id}/sub") == {"c": 1}
    assert door.artifact("DELETE", f"{run_id}/{run_id}/sub").status_code == 200
    assert door.listed(f"{run_id}/{run_id}") == {"a": 1}
    assert door.artifact("DELETE", f"{run_id}/{run_id}/sub").status_code == 404
    assert door.artifact("GET", f"{run_id}/{run_id}/sub/b").status_code == 404


@pytest.mark.parametrize(
    "path", ["%2E%2E/%2E%2E/x", "{run}/../../x", "{run}/%00", "{run}/link/x", "{run}", "", "a" * 300]
)
def test_no_path_leads_out(server: JupyterServer, door: Door, tmp_path: Path, path: str) -> None:
    run_id = door.create()
    put(door, f"{run_id}/{run_id}/there", b"x")
    (work(server, run_id) / "mlartifacts" / run_id / "link").symlink_to(tmp_path)
    (tmp_path / "secret").write_text("not yours")
    before = sorted(server.home.rglob("x"))
    address = f"{run_id}/{path.format(run=run_id)}"
    status, said = raw_put(server, address)
    assert status in (400, 404), said
    assert set(json.loads(said)) == {"error_code", "message"}
    assert not (tmp_path / "x").exists()
    assert sorted(server.home.rglob("x")) == before
    assert door.artifact("GET", f"{run_id}/{run_id}/link/secret").status_code == 404
    assert "link" not in door.listed(f"{run_id}/{run_id}")


def test_code_of_a_run_leaves_artifacts_that_are_read(server: JupyterServer, door: Door) -> None:
    run_id = server.submit(
        "import os, pathlib\n"
        "me = pathlib.Path.cwd().parents[2].name\n"
        "folder = pathlib.Path('mlartifacts', me, 'sub'); folder.mkdir(parents=True)\n"
        "(folder / 'a.txt').write_text('left')",
        gpu=0,
    )
    server.wait(run_id)
    assert door.listed(f"{run_id}/{run_id}") == {"sub": None}
    assert door.artifact("GET", f"{run_id}/{run_id}/sub/a.txt").content == b"left"
    assert door.artifact("DELETE", f"{run_id}/{run_id}/sub/a.txt").status_code == 403


def logged_model(door: Door, run_id: str, name: str = "net") -> str:
    model = door.post("logged-models", experiment_id="0", name=name, source_run_id=run_id, model_type="torch")["model"]
    model_id = str(model["info"]["model_id"])
    assert model["info"]["artifact_uri"] == f"mlflow-artifacts:/{run_id}/{model_id}"
    put(door, f"{run_id}/{model_id}/MLmodel", b"flavors: {}")
    put(door, f"{run_id}/{model_id}/data/weights", name.encode())
    done = door.patch(f"logged-models/{model_id}", model_id=model_id, status="LOGGED_MODEL_READY")["model"]
    assert done["info"]["status"] == "LOGGED_MODEL_READY"
    return model_id


def test_models_are_logged(door: Door) -> None:
    run_id = door.create()
    model_id = logged_model(door, run_id)
    path = f"logged-models/{model_id}"
    door.patch(f"{path}/tags", tags=[{"key": "a/b", "value": "1"}, {"key": "c", "value": "2"}])
    door.delete(f"{path}/tags/a%2Fb")
    door.post(f"{path}/params", params=[{"key": "lr", "value": "0.1"}])
    told = door.get(path)["model"]
    assert told["info"]["tags"] == [{"key": "c", "value": "2"}]
    assert told["data"]["params"] == [{"key": "lr", "value": "0.1"}]
    assert told["info"]["source_run_id"] == run_id
    listed = door.get(f"{path}/artifacts/directories", artifact_directory_path="data")
    assert [one["path"] for one in listed["files"]] == ["data/weights"]
    assert model_id in [
        one["info"]["model_id"]
        for one in door.post("logged-models/search", experiment_ids=["0"], filter="tags.c = '2'")["models"]
    ]
    assert door.post("logged-models/search", experiment_ids=["0"], filter="name = 'no such'")["models"] == []
    assert not [key for key in door.run(run_id)["tags"] if key.startswith("mlflow.model")]
    door.delete(path)
    assert door.refused("GET", path)[:2] == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_model_without_a_run_gets_one(server: JupyterServer, door: Door) -> None:
    made = door.post("logged-models", experiment_id="0", name="alone")["model"]["info"]
    run_id, model_id = made["source_run_id"], made["model_id"]
    assert server.run(run_id)["state"] == "running"
    put(door, f"{run_id}/{model_id}/MLmodel", b"x")
    door.patch(f"logged-models/{model_id}", status="LOGGED_MODEL_READY")
    assert server.run(run_id)["outcome"] == "succeeded"
    assert server.run(run_id)["name"] == "alone"


def test_versions_are_registered_found_and_fetched(server: JupyterServer, door: Door) -> None:
    run_id = door.create()
    door.post("runs/log-metric", run_id=run_id, key="acc", value=0.9)
    door.post("runs/log-parameter", run_id=run_id, key="lr", value="0.1")
    model_id = logged_model(door, run_id)
    made = door.post("registered-models/create", name="net", tags=[{"key": "team", "value": "a"}], description="First.")
    assert made["registered_model"]["latest_versions"] == []
    assert "net" not in [one["name"] for one in server.http.get("models").json()["models"]]
    assert door.refused("POST", "registered-models/create", name="net")[1] == "RESOURCE_ALREADY_EXISTS"
    asked = {"name": "net", "source": f"models:/{model_id}", "run_id": run_id, "model_id": model_id}
    version = door.post("model-versions/create", **asked, tags=[{"key": "ok", "value": "yes"}])["model_version"]
    assert (version["version"], version["status"], version["run_id"]) == ("1", "READY", run_id)
    assert {"key": "ok", "value": "yes"} in version["tags"]
    assert version["source"] == "mlflow-artifacts:/models/net/1"
    ours = server.http.get("models/net/1").json()
    assert (ours["metrics"], ours["parameters"]) == ({"acc": 0.9}, {"lr": "0.1"})
    assert [file["path"] for file in ours["files"]] == ["MLmodel", "data/weights"]
    assert door.listed("models/net/1") == {"MLmodel": 11, "data": None}
    assert door.listed("models/net/1/data") == {"weights": 3}
    assert door.artifact("GET", "models/net/1/data/weights").content == b"net"
    assert door.artifact("GET", "models/net/1/nothing").status_code == 404
    assert door.artifact("PUT", "models/net/1/more", content=b"x").status_code == 400
    assert door.artifact("DELETE", "models/net/1/MLmodel").status_code == 400
    assert door.get("model-versions/get-download-uri", name="net", version="1")["artifact_uri"] == version["source"]
    for number, source in ((2, f"runs:/{run_id}/../{model_id}"), (2, f"mlflow-artifacts:/{run_id}/{model_id}/data")):
        answer = door.ask("POST", "model-versions/create", name="net", source=source, run_id=run_id)
        assert answer.status_code == (400 if ".." in source else 200), (number, answer.text)
    copied = door.post("model-versions/create", name="copy", source="models:/net/2")["model_version"]
    assert (copied["version"], copied["run_id"]) == ("1", run_id)
    found = door.get("model-versions/search", filter="name = 'net'", order_by=["version_number DESC"])["model_versions"]
    assert [one["version"] for one in found] == ["2", "1"]
    assert door.get("model-versions/search", filter=f"run_id = '{run_id}' and name LIKE 'c%'")["model_versions"] != []
    named = door.get("registered-models/search", filter="name = 'net' and tags.team = 'a'")["registered_models"]
    assert [one["name"] for one in named] == ["net"]
    assert named[0]["description"] == "First."


def test_aliases_stages_tags_and_the_end(server: JupyterServer, door: Door) -> None:
    run_id = door.create()
    for name in ("one", "two"):
        source = f"models:/{logged_model(door, run_id, name)}"
        door.post("model-versions/create", name="staged", source=source, run_id=run_id)
    door.post("registered-models/alias", name="staged", alias="champion", version="1")
    assert door.get("registered-models/alias", name="staged", alias="champion")["model_version"]["version"] == "1"
    assert door.get("registered-models/alias", name="staged", alias="latest")["model_version"]["version"] == "2"
    assert server.http.get("models/staged").json()["aliases"] == {"champion": 1}
    stage = {"name": "staged", "version": "2", "stage": "Production"}
    moved = door.post("model-versions/transition-stage", **stage)["model_version"]
    assert (moved["current_stage"], moved["aliases"]) == ("Production", ["production"])
    assert "alias 'production'" in moved["status_message"]
    latest = door.post("registered-models/get-latest-versions", name="staged", stages=["Production"])["model_versions"]
    assert [one["version"] for one in latest] == ["2"]
    door.post("model-versions/transition-stage", **{**stage, "stage": "None"})
    assert door.refused("POST", "model-versions/transition-stage", **{**stage, "stage": "Odd"})[0] == 400
    door.delete("registered-models/alias", name="staged", alias="champion")
    assert door.refused("GET", "registered-models/alias", name="staged", alias="champion")[0] == 404
    door.post("model-versions/set-tag", name="staged", version="1", key="a", value="b=c")
    door.patch("model-versions/update", name="staged", version="1", description="Better.")
    told = door.get("model-versions/get", name="staged", version="1")["model_version"]
    assert {"key": "a", "value": "b=c"} in told["tags"]
    assert told["description"] == "Better."
    assert server.http.get("models/staged/1").json()["tags"] == ["a=b=c"]
    door.delete("model-versions/delete-tag", name="staged", version="1", key="a")
    door.post("registered-models/set-tag", name="staged", key="x", value="y")
    door.patch("registered-models/update", name="staged", description="All of them.")
    model = door.get("registered-models/get", name="staged")["registered_model"]
    assert (model["tags"], model["description"]) == ([{"key": "x", "value": "y"}], "All of them.")
    door.delete("registered-models/delete-tag", name="staged", key="x")
    assert door.refused("POST", "registered-models/rename", name="staged", new_name="x")[0] == 400
    door.delete("model-versions/delete", name="staged", version="1")
    assert door.refused("GET", "model-versions/get", name="staged", version="1")[0] == 404
    door.delete("registered-models/delete", name="staged")
    assert door.refused("GET", "registered-models/get", name="staged")[0] == 404


def test_what_was_registered_last_comes_first_and_each_stage_has_its_newest_version(door: Door) -> None:
    run_id = door.create()
    registered = ["b-late", "a-early", "b-late", "a-early"]
    for number, name in enumerate(registered):
        source = f"models:/{logged_model(door, run_id, f'{name}-{number}')}"
        door.post("model-versions/create", name=name, source=source, run_id=run_id)
    found = door.get("model-versions/search", filter=f"run_id = '{run_id}'")["model_versions"]
    assert [(one["name"], one["version"]) for one in found] == [*zip(registered[::-1], "2211", strict=True)]
    door.post("model-versions/transition-stage", name="a-early", version="1", stage="Staging")
    latest = door.get("registered-models/get", name="a-early")["registered_model"]["latest_versions"]
    assert [(one["version"], one["current_stage"]) for one in latest] == [("2", "None"), ("1", "Staging")]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"name": "a b", "source": "models:/m-none"}, "no logged model"),
        ({"name": "ok", "source": "s3://bucket/x"}, "not here"),
        ({"name": "ok", "source": "runs:/nothing0/x"}, "no run"),
        ({"name": "ok", "source": "models:/nothing/1"}, "no model"),
        ({"name": "ok", "source": "mlflow-artifacts:/models/nothing"}, "no model"),
        ({"name": "ok", "source": "file:///etc/passwd"}, "not here"),
    ],
)
def test_what_is_not_here_is_not_registered(door: Door, asked: dict[str, str], words: str) -> None:
    assert words in door.refused("POST", "model-versions/create", **asked)[2]


def test_names_that_no_model_has_are_refused(door: Door) -> None:
    assert "name of a model" in door.refused("POST", "registered-models/create", name="a b")[2]
    for path in ("get", "get-latest-versions"):
        assert door.refused("GET", f"registered-models/{path}", name="nothing")[0] == 404
