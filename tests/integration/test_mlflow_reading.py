"""MLflow's clients beside Jupyter read every run of a person, whatever carried it out."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from servers import TOKEN, JupyterServer
from tracking_door import Door

from gpurun_jupyter.tracking.experiments import experiment_id

CODE = """
from gpurun_jupyter import report
for step in range(3):
    report.log(step=step, loss=1 / (1 + step), acc=step / 2)
report.log(odd=float("nan"))
print('VTM_RUN_META::{"dataset": "digits", "size": 5}')
"""


@pytest.fixture(scope="module")
def door(server: JupyterServer) -> Iterator[Door]:
    made = Door(server)
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def project(server: JupyterServer) -> str:
    """The id of an experiment with three runs: `good` has succeeded, `bad` failed, `held` has not begun."""
    shared = {"project": "read by mlflow", "gpu": 0}
    env = {"LR": "0.1", "API_KEY": "do-not-show"}
    good = server.submit(CODE, name="good", tags=["a", "b"], env=env, **shared)
    bad = server.submit("raise SystemExit(3)", name="bad", env={"LR": "0.01"}, **shared)
    server.submit("1", name="held", hold=True, **shared)
    for run_id in (good, bad):
        server.wait(run_id)
    return experiment_id("read by mlflow")


def named(door: Door, project: str) -> dict[str, str]:
    found = door.post("runs/search", experiment_ids=[project])["runs"]
    return {run["info"]["run_name"]: run["info"]["run_id"] for run in found}


def test_a_run_is_told_as_mlflow_tells_it(server: JupyterServer, door: Door, project: str) -> None:
    run_id = named(door, project)["good"]
    ours, run = server.run(run_id), door.run(run_id)
    assert (run["run_id"], run["run_uuid"], run["experiment_id"]) == (run_id, run_id, project)
    assert (run["status"], run["lifecycle_stage"]) == ("FINISHED", "active")
    assert run["start_time"] == round(ours["started_at"] * 1000)
    assert run["end_time"] == round(ours["finished_at"] * 1000)
    assert run["artifact_uri"] == f"mlflow-artifacts:/{run_id}/{run_id}"
    assert run["user_id"] == run["tags"]["mlflow.user"] == ours["owner"]
    assert run["tags"]["mlflow.runName"] == "good"
    assert run["tags"]["gpurun.tags"] == "a,b"
    assert (run["tags"]["dataset"], run["tags"]["size"]) == ("digits", "5")
    assert run["params"]["LR"] == "0.1"
    assert "do-not-show" not in door.ask("GET", "runs/get", run_id=run_id).text
    metrics = {one["key"]: (one["value"], one["step"]) for one in run["run"]["data"]["metrics"]}
    assert metrics["loss"] == (pytest.approx(1 / 3), 2)
    assert metrics["odd"][0] == "NaN"


def test_states_have_their_names(door: Door, project: str) -> None:
    runs = named(door, project)
    statuses = {name: door.run(run_id)["status"] for name, run_id in runs.items()}
    assert statuses == {"good": "FINISHED", "bad": "FAILED", "held": "SCHEDULED"}
    for name, status in statuses.items():
        assert door.search(project, filter=f"attributes.status = '{status}'") == [runs[name]]
    assert set(door.search(project, filter="status != 'FINISHED'")) == {runs["bad"], runs["held"]}


def test_the_values_of_a_metric_have_steps_and_times(server: JupyterServer, door: Door, project: str) -> None:
    run_id = named(door, project)["good"]
    at = [round(one["t"] * 1000) for one in server.events(run_id) if one["kind"] == "metric"]
    assert door.history(run_id, "acc") == [(0.0, at[0], 0), (0.5, at[1], 1), (1.0, at[2], 2)]
    assert door.history(run_id, "odd") == [("NaN", at[3], 0)]
    assert door.history(run_id, "nothing") == []
    page = door.get("metrics/get-history", run_id=run_id, metric_key="acc", max_results=2)
    assert len(page["metrics"]) == 2
    token = page["next_page_token"]
    assert door.history(run_id, "acc", max_results=2, page_token=token) == [(1.0, at[2], 2)]


def test_searches_filter_and_sort(door: Door, project: str) -> None:
    runs = named(door, project)
    good, bad, held = runs["good"], runs["bad"], runs["held"]
    fitting = {
        "metrics.acc > 0.9": [good],
        "metrics.acc > 0.9 and params.LR = '0.2'": [],
        "params.LR IN ('0.1', '0.01')": [bad, good],
        "params.LR LIKE '0.0%'": [bad],
        "params.LR IS NULL": [held],
        "tags.dataset = 'digits'": [good],
        "tags.dataset LIKE 'DIG%'": [],
        "tags.dataset ILIKE 'DIG%'": [good],
        "tags.dataset != 'digits'": [],
        "tags.dataset IS NULL": [held, bad],
        "tags.`mlflow.runName` = 'bad'": [bad],
        "attributes.run_name LIKE '%d'": [held, bad, good],
        f"run_id IN ('{bad}')": [bad],
        "attributes.end_time > 0": [bad, good],
        "user_id = 'nobody at all'": [],
        f"artifact_uri = 'mlflow-artifacts:/{bad}/{bad}'": [bad],
    }
    begun = sorted(runs.values(), key=lambda run_id: -door.run(run_id)["start_time"])  # the order if none is asked for
    in_order = {text: [one for one in begun if one in found] for text, found in fitting.items()}
    assert {text: door.search(project, filter=text) for text in fitting} == in_order
    orders = {
        "metrics.loss DESC": [good, held, bad],
        "params.LR": [bad, good, held],
        "attributes.run_name ASC": [bad, good, held],
        "start_time DESC": begun,
        "tags.dataset": [good, held, bad],
    }
    assert {text: door.search(project, order_by=[text]) for text in orders} == orders
    assert door.search(project, order_by=["params.LR DESC", "start_time"]) == [good, bad, held]


def test_searches_come_in_pages(door: Door, project: str) -> None:
    every = door.search(project)
    found, token = [], ""
    while True:
        page = door.post("runs/search", experiment_ids=[project], max_results=2, page_token=token)
        found += [run["info"]["run_id"] for run in page["runs"]]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert found == every
    assert door.search("12345") == []


def test_projects_are_experiments(door: Door, project: str) -> None:
    told = door.get("experiments/get", experiment_id=project)["experiment"]
    assert (told["name"], told["lifecycle_stage"]) == ("read by mlflow", "active")
    assert door.get("experiments/get-by-name", experiment_name="read by mlflow")["experiment"] == told
    found = door.post("experiments/search", filter="name LIKE 'read%'", max_results=10)["experiments"]
    assert found == [told]
    assert door.get("experiments/get", experiment_id="0")["experiment"]["name"] == "Default"


@pytest.mark.parametrize(
    ("method", "path", "asked", "status", "code", "words"),
    [
        ("GET", "runs/get", {"run_id": "nothing0"}, 404, "RESOURCE_DOES_NOT_EXIST", "no run"),
        ("GET", "runs/get", {"run_id": "last"}, 404, "RESOURCE_DOES_NOT_EXIST", "no run"),
        ("GET", "runs/get", {"run_id": "\x00"}, 400, "INVALID_PARAMETER_VALUE", "NUL"),
        ("GET", "experiments/get", {"experiment_id": "77"}, 404, "RESOURCE_DOES_NOT_EXIST", "no experiment"),
        ("GET", "experiments/get-by-name", {"experiment_name": "x y"}, 404, "RESOURCE_DOES_NOT_EXIST", "x y"),
        ("POST", "runs/search", {"filter": "metrics.a ~ 1"}, 400, "INVALID_PARAMETER_VALUE", "operator"),
        ("POST", "runs/search", {"filter": "attributes.x = 'a'"}, 400, "INVALID_PARAMETER_VALUE", "attributes"),
        ("POST", "runs/search", {"filter": "datasets.name = 'a'"}, 400, "INVALID_PARAMETER_VALUE", "dataset"),
        ("POST", "runs/search", {"order_by": ["metrics.a UP"]}, 400, "INVALID_PARAMETER_VALUE", "order"),
        ("POST", "runs/search", {"order_by": ["nothing"]}, 400, "INVALID_PARAMETER_VALUE", "attributes"),
        ("POST", "runs/search", {"page_token": "x"}, 400, "INVALID_PARAMETER_VALUE", "page"),
        ("POST", "runs/search", {"max_results": 0}, 400, "INVALID_PARAMETER_VALUE", "max_results"),
        ("POST", "experiments/search", {"filter": "metrics.a > 1"}, 400, "INVALID_PARAMETER_VALUE", "name"),
        ("POST", "traces/search", {}, 404, "ENDPOINT_NOT_FOUND", "traces/search"),
        ("PUT", "runs/search", {}, 405, "INVALID_PARAMETER_VALUE", "PUT"),
    ],
)
def test_what_is_wrong_is_said_in_mlflows_form(
    door: Door, method: str, path: str, asked: dict[str, object], status: int, code: str, words: str
) -> None:
    experiments = {"experiment_ids": ["0"]} if path == "runs/search" and method == "POST" else {}
    found = door.refused(method, path, **experiments, **asked)
    assert found[:2] == (status, code)
    assert words.lower() in found[2].lower()


def test_bodies_that_are_no_json_are_refused(door: Door) -> None:
    for body in (b"{", b"[]", b"\xff", b'{"experiment_ids": 5}', b"[" * 100_000):
        answer = door.http.post("api/2.0/mlflow/runs/search", content=body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), body[:20]


def test_the_door_has_its_small_answers(door: Door) -> None:
    assert door.http.get("health").text == "OK"
    assert door.http.get("version").text[0].isdigit()
    page = door.http.get("")
    assert (page.status_code, page.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert door.http.post("ajax-api/2.0/mlflow/runs/search", json={"experiment_ids": ["0"]}).status_code == 200


def test_strangers_are_refused_in_mlflows_form(server: JupyterServer) -> None:
    with httpx.Client(base_url=f"{server.url}gpurun/mlflow/") as stranger:
        for method, path in (
            ("GET", "api/2.0/mlflow/runs/get?run_id=x"),
            ("POST", "api/2.0/mlflow/runs/create"),
            ("PATCH", "api/2.0/mlflow/registered-models/update"),
            ("PUT", "api/2.0/mlflow-artifacts/artifacts/x/y"),
            ("GET", "version"),
            ("GET", "health"),
            ("GET", "nothing"),
        ):
            answer = stranger.request(method, path, json={} if method == "POST" else None)
            assert answer.status_code in (401, 403), (method, path)
            assert answer.json()["error_code"] == "PERMISSION_DENIED"


def test_a_page_of_others_changes_nothing(server: JupyterServer) -> None:
    with httpx.Client(base_url=server.url) as browser:
        browser.get("tree", params={"token": TOKEN}, follow_redirects=True)
        browser.get("api/contents")
        path = "gpurun/mlflow/api/2.0/mlflow/runs/create"
        foreign = {"Origin": "http://evil.example"}
        assert browser.post(path, json={}, headers=foreign).status_code == 403
        assert browser.post(path, json={}).status_code == 403
        own = {"X-XSRFToken": browser.cookies["_xsrf"]}
        assert browser.post(path, json={}, headers=own).status_code == 200
