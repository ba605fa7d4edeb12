"""Runs are private: a second person on the same server neither sees nor touches them, whatever route they try."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from played_agent import PlayedAgent
from servers import JupyterServer, wait_until

HOLDING = "import os, time\nprint('secret words')\nwhile not os.path.exists('go'): time.sleep(0.05)"
CLASSES = (
    "--ServerApp.identity_provider_class=two_users.ByToken",
    "--ServerApp.authorizer_class=two_users.GuestsOnlyRead",
)


def client_of(server: JupyterServer, person: str) -> httpx.Client:
    headers = {"Authorization": f"token token-of-{person}"}
    return httpx.Client(base_url=f"{server.url}gpurun/api/v1/", headers=headers, timeout=60)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server for several people, with one CPU slot."""
    server = JupyterServer(tmp_path_factory.mktemp("shared"), options=CLASSES)
    server.env |= {"PYTHONPATH": str(Path(__file__).parents[1]), "GPURUN_CPU_SLOTS": "1"}
    server.http = client_of(server, "anna")
    yield server.start()
    server.close()


@pytest.fixture(scope="module")
def held(shared: JupyterServer) -> Iterator[str]:
    """Anna's run, which holds the only slot and has printed something."""
    run_id = shared.submit(HOLDING, name="annas-run", project="annas-project", env={"KEY": "annas"})
    wait_until(lambda: "secret" in shared.log(run_id))
    yield run_id
    (shared.home / "runs" / run_id / "attempts" / "1" / "work" / "go").touch()
    assert shared.wait(run_id)["outcome"] == "succeeded"


@pytest.fixture
def bert(shared: JupyterServer, held: str) -> Iterator[httpx.Client]:
    with client_of(shared, "bert") as client:
        yield client


def routes_of_a_run(server: JupyterServer) -> list[tuple[str, str]]:
    """Every method and path that names a run, as the server itself describes them."""
    described = server.http.get("openapi.json").json()["paths"]
    named = {path: methods for path, methods in described.items() if "/runs/{" in path}
    return [(method, path) for path, methods in named.items() for method in methods if method != "parameters"]


def test_every_route_of_a_run_says_that_there_is_none(shared: JupyterServer, held: str, bert: httpx.Client) -> None:
    tried = routes_of_a_run(shared)
    assert len(tried) > 12
    for method, path in tried:
        below = path.partition("/runs/")[2]
        for reference in (held, held[:5], "annas-run", "last"):
            rest = below.split("/")[1:]
            address = "/".join(["runs", reference, *("x" if part.startswith("{") else part for part in rest)])
            body = {"done": 1} if path.endswith("/progress") else {}
            answer = bert.request(method, address, json=body if method in ("post", "patch", "put") else None)
            assert answer.status_code == 404, (method, address, answer.text)
            assert "secret" not in answer.text
            assert "annas-run" not in answer.text.replace(f"'{reference}'", "")
    assert shared.run(held)["state"] == "running"


def test_lists_and_counts_are_of_ones_own(bert: httpx.Client) -> None:
    for address in ("runs", "runs?owner=anna", "runs?q=annas", "projects", "stats", "status", "sessions", "data"):
        answer = bert.get(address)
        assert answer.status_code == 200
        assert "annas" not in answer.text
    assert bert.get("runs").json()["runs"] == []
    assert bert.get("status").json()["runs"] == {}


def test_a_device_and_the_queue_say_whose_run_is_in_the_way_and_no_more(
    shared: JupyterServer, held: str, bert: httpx.Client
) -> None:
    (device,) = bert.get("devices").json()["agents"][0]["devices"]
    assert device["run_owner"] == "anna"
    assert "run_id" not in device
    assert "run_name" not in device
    own = bert.post("runs", json={"code": "1", "gpu": 0}).json()
    assert own["waiting"]["why"] == "waits for a CPU slot: cpu0 is held by a run of anna"
    assert shared.http.get(f"runs/{own['id']}").status_code == 404
    assert bert.post(f"runs/{own['id']}/cancel", json={}).json()["outcome"] == "cancelled"


def test_nothing_comes_after_or_through_somebody_elses_run(held: str, bert: httpx.Client) -> None:
    assert bert.post("runs", json={"code": "1", "after": [held]}).status_code == 404
    assert bert.post("runs", json={"code": "1", "after": ["annas-run"]}).status_code == 404


def test_the_stream_tells_of_ones_own(held: str, bert: httpx.Client) -> None:
    frames = []
    with bert.stream("GET", "stream", params={"watch": ["runs", "devices"], "run": held}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                frames.append(json.loads(line.removeprefix("data: ")))
            if len(frames) == 3:
                break
    assert sorted(frame["type"] for frame in frames) == ["devices", "error", "runs"]
    assert "annas" not in json.dumps(frames)
    told = next(frame for frame in frames if frame["type"] == "runs")["runs"]
    assert {run["owner"] for run in told} <= {"bert"}


def test_a_model_is_private_whatever_route_is_tried(shared: JupyterServer, held: str, bert: httpx.Client) -> None:
    (shared.home / "runs" / held / "attempts" / "1" / "work" / "m").write_text("weights")
    registered = shared.http.post("models", json={"name": "annas", "run": held, "path": "m", "alias": "release"})
    assert (registered.status_code, registered.json()["owner"]) == (201, "anna")
    assert bert.get("models").json() == {"models": []}
    described = shared.http.get("openapi.json").json()["paths"]
    tried = [(method, path) for path, methods in described.items() if "/models/{" in path for method in methods]
    assert len(tried) == 11
    values = {"{name}": "annas", "{version}": "1", "{alias}": "release", "{path}": "m"}
    for method, path in tried:
        address = "/".join(values.get(part, part) for part in path.lstrip("/").split("/"))
        body = {"version": 1} if method == "post" else {"description": "mine"} if method == "patch" else None
        answer = bert.request(method, address, json=body, params={"a": "1", "b": "1"} if "compare" in path else None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found"), (method, address)
    assert bert.post("models", json={"name": "x", "run": held, "path": "m"}).json()["error"]["code"] == "run_not_found"
    assert bert.post("models", json={"name": "x", "best": {"metric": "acc"}, "path": "m"}).status_code == 404
    assert shared.http.get("models/annas").json()["aliases"] == {"release": 1}
    with client_of(shared, "guest") as guest:
        assert guest.get("models").json() == {"models": []}
        assert guest.post("models", json={"name": "x", "run": held, "path": "m"}).status_code == 403
        assert guest.delete("models/annas").status_code == 403


def test_sessions_of_the_same_name_are_two(shared: JupyterServer, held: str, bert: httpx.Client) -> None:
    created = {"code": "x = 1", "session": "lab", "hold": True}
    mine, theirs = shared.http.post("runs", json=created).json(), bert.post("runs", json=created).json()
    assert (mine["owner"], theirs["owner"]) == ("anna", "bert")
    for client, run in ((shared.http, mine), (bert, theirs)):
        assert client.post(f"runs/{run['id']}/cancel", json={}).status_code == 200


def test_a_machine_is_removed_only_by_who_invited_it(shared: JupyterServer, held: str, bert: httpx.Client) -> None:
    machine = PlayedAgent(shared, "annas-machine")
    machine.sync()

    def removable(client: httpx.Client) -> dict[str, bool]:
        return {one["id"]: one["removable"] for one in client.get("devices").json()["agents"]}

    assert removable(bert)["annas-machine"] is False
    assert bert.post("agents/annas-machine/revoke").json()["error"]["code"] == "agent_not_found"
    assert machine.sync().is_success
    own = removable(shared.http)
    assert own.pop("annas-machine") is True
    assert list(own.values()) == [False]  # the server's own
    assert shared.http.post("agents/annas-machine/revoke").is_success
    assert "annas-machine" not in removable(bert)
    machine.http.close()


def test_a_guest_looks_but_runs_nothing(shared: JupyterServer, held: str) -> None:
    with client_of(shared, "guest") as guest:
        assert guest.get("runs").json()["runs"] == []
        assert guest.post("runs", json={"code": "1"}).status_code == 403
        assert guest.post(f"runs/{held}/cancel", json={}).status_code == 403
    with client_of(shared, "nobody") as stranger:
        assert stranger.get("runs").status_code == 403
        assert stranger.get(f"runs/{held}/log").status_code == 403
