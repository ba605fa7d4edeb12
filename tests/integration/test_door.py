"""The door for a run's MLflow clients: real runners, and clients that speak HTTP as MLflow's do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from runners import Attempt, Runners

from gpurun_jupyter.core.events import Child, End, Meta, Metric, Model, Parameters, Start
from gpurun_jupyter.core.lifecycle import Outcome

CLIENT = """
import json, os, sys, urllib.error, urllib.request

URL = os.environ["MLFLOW_TRACKING_URI"]
HEADERS = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}

def call(method, path, body=None, data=None, headers=HEADERS, api="/api/2.0/"):
    data = data if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + api + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text[:1] == b"{" else text.decode()
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())

def create(name="", tags=()):
    body = {"experiment_id": "7", "run_name": name, "start_time": 1_700_000_000_000, "tags": list(tags)}
    return call("POST", "mlflow/runs/create", body)[1]["run"]["info"]["run_id"]

results = {}
"""
SAYS = "\nopen('said.json', 'w').write(json.dumps(results))\n"
ITSELF = "r1"


@pytest.fixture
def runners(tmp_path: Path) -> Runners:
    return Runners(tmp_path)


def carried_out(runners: Runners, code: str, **fields: Any) -> tuple[Attempt, dict[str, Any]]:
    """The attempt at a script, and what that found out."""
    attempt = runners.script(CLIENT + code + SAYS, **fields)
    end = attempt.wait()
    assert end.outcome is Outcome.SUCCEEDED, attempt.printed()
    return attempt, json.loads((attempt.folder.work / "said.json").read_text())


def of_kind(attempt: Attempt, kind: type[Any]) -> list[Any]:
    return [event for event in attempt.events() if isinstance(event, kind)]


def test_the_first_run_that_is_created_is_the_run_itself(runners: Runners) -> None:
    attempt, said = carried_out(
        runners,
        """
itself = create()
for name in ("lr", "layers"):
    call("POST", "mlflow/runs/log-parameter", {"run_id": itself, "key": name, "value": "2"})
at = 1_700_000_000_000
points = [{"key": "acc", "value": v, "timestamp": at + 250 * n, "step": n} for n, v in enumerate((0.5, "NaN"))]
points.append({"key": "loss", "value": 1, "timestamp": "1700000000250", "step": "1"})
tags = [{"key": "kind", "value": "digits"}]
call("POST", "mlflow/runs/log-batch", {"run_id": itself, "metrics": points, "tags": tags})
last = {"run_id": itself, "key": "acc", "value": 0.75, "timestamp": at + 1000, "step": 2}
call("POST", "mlflow/runs/log-metric", last)
call("POST", "mlflow/runs/update", {"run_id": itself, "status": "FINISHED", "end_time": 1_700_000_002_000})
results["itself"] = itself
results["run"] = call("GET", "mlflow/runs/get?run_id=" + itself)[1]["run"]
results["history"] = call("GET", "mlflow/metrics/get-history?metric_key=acc&run_id=" + itself)[1]["metrics"]
""",
    )
    assert said["itself"] == ITSELF
    metrics = of_kind(attempt, Metric)
    assert [(event.values, event.step, event.t) for event in metrics] == [
        ({"acc": 0.5}, 0, 1_700_000_000),
        ({"acc": "NaN", "loss": 1.0}, 1, 1_700_000_000.25),
        ({"acc": 0.75}, 2, 1_700_000_001),
    ]
    assert [event.values for event in of_kind(attempt, Parameters)] == [{"lr": "2"}, {"layers": "2"}]
    assert {"kind": "digits"} in [event.values for event in of_kind(attempt, Meta)]
    assert of_kind(attempt, End)[0].outcome is Outcome.SUCCEEDED  # it went on after FINISHED
    info, data = said["run"]["info"], said["run"]["data"]
    assert (info["status"], info["end_time"]) == ("FINISHED", 1_700_000_002_000)
    assert {one["key"]: one["value"] for one in data["metrics"]} == {"acc": 0.75, "loss": 1}
    assert {one["key"]: one["value"] for one in data["params"]} == {"lr": "2", "layers": "2"}
    assert [(one["value"], one["step"]) for one in said["history"]] == [(0.5, 0), ("NaN", 1), (0.75, 2)]


def test_runs_after_the_first_are_its_children(runners: Runners) -> None:
    attempt, said = carried_out(
        runners,
        """
itself = create()
parent = [{"key": "mlflow.parentRunId", "value": itself}]
child = create("trial 1", parent)
within = create("fold", [{"key": "mlflow.parentRunId", "value": child}])
call("POST", "mlflow/runs/log-metric", {"run_id": child, "key": "score", "value": 3, "timestamp": 1_700_000_000_000})
call("POST", "mlflow/runs/log-parameter", {"run_id": within, "key": "n", "value": "1"})
call("POST", "mlflow/runs/update", {"run_id": child, "status": "FAILED"})
results.update(child=child, within=within, another=create())
results["run"] = call("GET", "mlflow/runs/get?run_id=" + child)[1]["run"]
results["history"] = call("GET", "mlflow/metrics/get-history?metric_key=score&run_id=" + child)[1]["metrics"]
""",
    )
    children = of_kind(attempt, Child)
    first = [event for event in children if event.run == said["child"]]
    assert [type(event.event) for event in first] == [Start, Metric, End]
    assert {event.name for event in first} == {"trial 1"}
    assert {event.parent for event in first} == {None}
    assert first[-1].event.outcome is Outcome.FAILED
    assert {event.parent for event in children if event.run == said["within"]} == {said["child"]}
    assert len({ITSELF, said["child"], said["within"], said["another"]}) == 4
    tags = {tag["key"]: tag["value"] for tag in said["run"]["data"]["tags"]}
    assert (tags["mlflow.parentRunId"], said["run"]["info"]["status"]) == (ITSELF, "FAILED")
    assert [one["value"] for one in said["history"]] == [3]
    assert not of_kind(attempt, Metric)  # those of a child are no metrics of the run


def test_whatever_experiment_is_asked_for_is_the_runs_own(runners: Runners) -> None:
    attempt, said = carried_out(
        runners,
        """
results["named"] = call("GET", "mlflow/experiments/get-by-name?experiment_name=mine")[1]["experiment"]
by_id = "mlflow/experiments/get?experiment_id=" + results["named"]["experiment_id"]
results["got"] = call("GET", by_id)[1]["experiment"]
results["created"] = call("POST", "mlflow/experiments/create", {"name": "mine"})[1]
create()
""",
    )
    assert said["named"] == said["got"]
    assert (said["named"]["name"], said["named"]["experiment_id"]) == ("mine", "0")  # of the project `default`
    assert said["created"] == {"experiment_id": "0"}
    assert [event.values for event in of_kind(attempt, Meta)] == [{"mlflow.experimentName": "mine"}]


def test_artifacts_are_files_of_the_workspace(runners: Runners) -> None:
    attempt, said = carried_out(
        runners,
        """
itself = create()
info = call("GET", "mlflow/runs/get?run_id=" + itself)[1]["run"]["info"]
root = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
at = "mlflow-artifacts/artifacts/" + root
big = os.urandom(3_000_000)
results["put"] = [call("PUT", at + "/big.bin", data=big), call("PUT", at + "/dir/a%20b.txt", data=b"text")]
results["root"] = call("GET", "mlflow/artifacts/list?run_id=" + itself)[1]
results["dir"] = call("GET", "mlflow/artifacts/list?path=dir&run_id=" + itself)[1]["files"]
results["listed"] = call("GET", "mlflow-artifacts/artifacts?path=" + root)[1]["files"]
results["text"] = call("GET", at + "/dir/a%20b.txt")
with urllib.request.urlopen(urllib.request.Request(URL + "/api/2.0/" + at + "/big.bin", headers=HEADERS)) as answer:
    results["same"] = answer.read() == big
results["none"] = call("GET", at + "/nothing")
results["outside"] = [call("PUT", at + "/../../../x", data=b"x"), call("GET", at + "/..%2F..%2F..%2Fgrant.json")]
results["deleted"] = [call("DELETE", at + "/dir/a%20b.txt"), call("GET", at + "/dir/a%20b.txt")]
""",
    )
    folder = attempt.folder.work / "mlartifacts" / ITSELF
    assert (folder / "big.bin").stat().st_size == 3_000_000
    assert [path.name for path in folder.rglob(".*")] == []
    assert said["put"] == [[200, {}], [200, {}]]
    assert said["root"] == {
        "root_uri": f"mlflow-artifacts:/{ITSELF}/{ITSELF}",
        "files": [
            {"path": "big.bin", "is_dir": False, "file_size": 3_000_000},
            {"path": "dir", "is_dir": True},
        ],
    }
    assert said["dir"] == [{"path": "dir/a b.txt", "is_dir": False, "file_size": 4}]
    assert [one["path"] for one in said["listed"]] == ["big.bin", "dir"]
    assert said["text"] == [200, "text"]
    assert said["same"]
    assert said["none"][0] == 404
    assert said["none"][1]["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert {status for status, _ in said["outside"]} == {400}
    assert [status for status, _ in said["deleted"]] == [200, 404]


def test_only_the_runs_own_code_comes_in(runners: Runners) -> None:
    _, said = carried_out(
        runners,
        """
asks = "mlflow/runs/get?run_id=r1"
results["nobody"] = call("GET", asks, headers={})
results["stranger"] = call("GET", asks, headers={"Authorization": "Bearer x"})
results["page"] = call("GET", asks, headers={**HEADERS, "Host": "evil.example"})
results["ours"] = call("GET", asks)[0]
results["pages of MLflow"] = call("GET", asks, api="/ajax-api/2.0/")[0]
results["unknown"] = call("GET", "mlflow/traces/search")
results["broken"] = call("POST", "mlflow/runs/log-metric", data=b"{")
results["no name"] = call("POST", "mlflow/runs/log-metric", {"run_id": "r1", "key": "", "value": 1})
""",
    )
    for who in ("nobody", "stranger", "page"):
        assert said[who][0] == 403, who
        assert said[who][1]["error_code"] == "PERMISSION_DENIED"
    assert (said["ours"], said["pages of MLflow"]) == (200, 200)
    assert (said["unknown"][0], said["unknown"][1]["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert (said["broken"][0], said["broken"][1]["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert said["no name"][0] == 400


def test_the_token_is_nowhere_to_be_read(runners: Runners) -> None:
    attempt, said = carried_out(
        runners,
        """
token = os.environ["MLFLOW_TRACKING_TOKEN"]
print(dict(os.environ))
print(token[:10], end="", flush=True)
print(token[10:])
call("POST", "mlflow/runs/set-tag", {"run_id": create(), "key": "t", "value": "with " + token})
call("POST", "mlflow/runs/set-tag", {"run_id": create("named " + token), "key": "t", "value": token})
results["token"] = token[::-1]
""",
    )
    token = said["token"][::-1].encode()
    assert len(token) >= 32
    for path in attempt.folder.path.rglob("*"):
        assert not path.is_file() or token not in path.read_bytes(), path


def test_a_parameter_keeps_its_value(runners: Runners) -> None:
    attempt, said = carried_out(
        runners,
        """
itself = create()
def log(value, **more):
    body = {"run_id": itself, "params": [{"key": "lr", "value": value}], **more}
    return call("POST", "mlflow/runs/log-batch", body)
results["calls"] = [log("0.1"), log("0.1"), log("0.2", metrics=[{"key": "acc", "value": 1, "timestamp": 1}])]
tag = {"run_id": itself, "key": "a", "value": "1"}
results["deleted"] = [call("POST", f"mlflow/runs/{what}-tag", tag) for what in ("set", "delete", "delete")]
""",
    )
    assert [status for status, _ in said["calls"]] == [200, 200, 400]
    assert "'0.1' already" in said["calls"][2][1]["message"]
    assert not of_kind(attempt, Metric)  # of a batch that is refused nothing is taken
    assert [status for status, _ in said["deleted"]] == [200, 200, 404]
    assert [event.values for event in of_kind(attempt, Meta)] == [{"a": "1"}, {"a": None}]


def test_a_registered_model_is_an_event_with_its_files_in_the_blobs(runners: Runners) -> None:
    attempt, said = carried_out(
        runners,
        """
itself = create()
body = {"experiment_id": "0", "name": "model", "source_run_id": itself, "params": [{"key": "C", "value": "1"}]}
model = call("POST", "mlflow/logged-models", body)[1]["model"]["info"]
at = "mlflow-artifacts/artifacts/" + model["artifact_uri"].removeprefix("mlflow-artifacts:/")
call("PUT", at + "/MLmodel", data=b"flavors: {}")
results["ready"] = call("PATCH", "mlflow/logged-models/" + model["model_id"], {"status": "LOGGED_MODEL_READY"})[1]
results["got"] = call("GET", "mlflow/logged-models/" + model["model_id"])[1]
results["files"] = call("GET", "mlflow/logged-models/" + model["model_id"] + "/artifacts/directories")[1]["files"]
results["created"] = call("POST", "mlflow/registered-models/create", {"name": "digits"})
""",
    )
    assert said["ready"]["model"]["info"]["status"] == "LOGGED_MODEL_READY"
    assert said["got"]["model"]["data"]["params"] == [{"key": "C", "value": "1"}]
    assert [one["path"] for one in said["files"]] == ["MLmodel"]
    assert not of_kind(attempt, Model)  # logged, and not registered


def test_who_tracks_elsewhere_does_so_and_the_run_says_where(runners: Runners) -> None:
    code = "import os\nprint(sorted((k, v) for k, v in os.environ.items() if k.startswith('MLFLOW')))"
    uri = "https://anna:secret@tracking.example/ml"
    attempt = runners.script(code, env={"MLFLOW_TRACKING_URI": uri})
    assert attempt.wait().outcome is Outcome.SUCCEEDED
    assert attempt.printed().strip() == str([("MLFLOW_TRACKING_URI", uri)])
    assert [event.values for event in of_kind(attempt, Meta)] == [{"mlflow": "https://tracking.example/ml"}]


def test_a_run_can_switch_it_off(runners: Runners) -> None:
    code = "import os\nprint('MLFLOW_TRACKING_URI' in os.environ)"
    attempt = runners.script(code, env={"GPURUN_READERS": "-mlflow"})
    assert attempt.wait().outcome is Outcome.SUCCEEDED
    assert attempt.printed().strip() == "False"


def test_a_cell_has_a_door_too(runners: Runners) -> None:
    attempt = runners.cell(CLIENT + "\nprint(create(), create() != 'r1')")
    assert attempt.wait().outcome is Outcome.SUCCEEDED
    assert attempt.printed().strip() == f"{ITSELF} True"
