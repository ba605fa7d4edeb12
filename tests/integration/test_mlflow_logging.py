"""Runs that MLflow's clients log beside Jupyter: what they say comes back as it was said, and stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from servers import JupyterServer, wait_until
from tracking_door import Door


@pytest.fixture(scope="module")
def door(server: JupyterServer) -> Iterator[Door]:
    made = Door(server)
    yield made
    made.http.close()


def tags(**said: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in said.items()]


def test_a_run_is_made_logged_and_ended(server: JupyterServer, door: Door) -> None:
    project = door.post("experiments/create", name="logged/here", tags=[{"key": "a", "value": "b"}])["experiment_id"]
    run_id = door.create(project, run_name="first", start_time=1_700_000_000_123, tags=tags(kind="test"))
    door.post("runs/log-parameter", run_id=run_id, key="lr", value="0.1")
    door.post("runs/set-tag", run_id=run_id, key="stage", value="early")
    door.post("runs/log-metric", run_id=run_id, key="loss", value=0.5, step=3, timestamp=1_700_000_001_000)
    run = door.run(run_id)
    assert (run["status"], run["run_name"], run["start_time"]) == ("RUNNING", "first", 1_700_000_000_123)
    assert run["params"] == {"lr": "0.1"}
    assert run["tags"]["kind"] == "test"
    assert run["tags"]["stage"] == "early"
    assert run["run"]["data"]["metrics"] == [{"key": "loss", "value": 0.5, "timestamp": 1_700_000_001_000, "step": 3}]
    done = door.post("runs/update", run_id=run_id, status="FINISHED", end_time=1_700_000_002_345)["run_info"]
    assert (done["status"], done["end_time"]) == ("FINISHED", 1_700_000_002_345)
    ours = server.run(run_id)
    assert (ours["kind"], ours["project"], ours["outcome"]) == ("logged", "logged-here", "succeeded")
    assert ours["metrics"]["loss"]["last"] == 0.5
    assert ours["meta"]["parameters"] == {"lr": "0.1"}


def test_values_come_back_as_they_were_logged(door: Door) -> None:
    run_id = door.create()
    said = [(0.1, 5, 2), ("NaN", 7, 1), ("Infinity", 1_700_000_000_001, 9), ("-Infinity", 0, 0), (1e-300, 3, -4)]
    points = [{"key": "v", "value": value, "timestamp": at, "step": step} for value, at, step in said]
    door.post("runs/log-batch", run_id=run_id, metrics=points, params=[], tags=tags(odd='quotes " and ü'))
    assert door.history(run_id, "v") == said
    assert door.run(run_id)["tags"]["odd"] == 'quotes " and ü'
    many = [{"key": "many", "value": float(step), "timestamp": step, "step": step} for step in range(5000)]
    door.post("runs/log-batch", run_id=run_id, metrics=many)
    assert door.history(run_id, "many") == [(float(step), step, step) for step in range(5000)]


def test_a_value_without_a_time_is_of_now(door: Door) -> None:
    run_id, before = door.create(), round(time.time() * 1000)
    door.post("runs/log-metric", run_id=run_id, key="a", value=1)
    door.post("runs/log-batch", run_id=run_id, metrics=[{"key": "a", "value": 2}])
    assert all(before <= at <= time.time() * 1000 for _, at, _ in door.history(run_id, "a"))


def test_what_began_last_is_found_first(door: Door) -> None:
    project = door.post("experiments/create", name="begun")["experiment_id"]
    new, newer, old = (door.create(project, start_time=at) for at in (1_700_000_000_000, 1_700_000_000_001, 1))
    assert door.search(project) == door.search(project, order_by=["start_time DESC"]) == [newer, new, old]
    assert door.search(project, max_results=2) == [newer, new]


def test_a_parameter_keeps_its_value(door: Door) -> None:
    run_id = door.create()
    for _ in range(2):
        door.post("runs/log-parameter", run_id=run_id, key="lr", value="0.1")
    other = {"run_id": run_id, "key": "lr", "value": "0.2"}
    assert door.refused("POST", "runs/log-parameter", **other)[:2] == (400, "INVALID_PARAMETER_VALUE")
    batch = {"params": [{"key": "b", "value": "1"}, {"key": "lr", "value": "0.2"}], "tags": tags(not_kept="x")}
    assert "already" in door.refused("POST", "runs/log-batch", run_id=run_id, **batch)[2]
    run = door.run(run_id)
    assert run["params"] == {"lr": "0.1"}
    assert "not_kept" not in run["tags"]


def test_tags_are_taken_back_and_the_name_is_one(server: JupyterServer, door: Door) -> None:
    run_id = door.create(tags=tags(a="1", b="2"))
    door.post("runs/delete-tag", run_id=run_id, key="a")
    assert "a" not in door.run(run_id)["tags"]
    assert door.refused("POST", "runs/delete-tag", run_id=run_id, key="a")[1] == "RESOURCE_DOES_NOT_EXIST"
    door.post("runs/set-tag", run_id=run_id, key="mlflow.runName", value="renamed")
    assert server.run(run_id)["name"] == "renamed"
    assert door.post("runs/update", run_id=run_id, run_name="again/renamed")["run_info"]["run_name"] == "again-renamed"
    assert door.search(filter="run_name = 'again-renamed'") == [run_id]


def test_an_ended_run_goes_on_and_ends_in_another_way(door: Door) -> None:
    run_id = door.create()
    door.post("runs/update", run_id=run_id, status="FAILED")
    assert door.run(run_id)["status"] == "FAILED"
    door.post("runs/log-metric", run_id=run_id, key="late", value=1, timestamp=1)
    assert door.history(run_id, "late") == [(1.0, 1, 0)]
    door.post("runs/update", run_id=run_id, status="RUNNING")
    assert door.run(run_id)["status"] == "RUNNING"
    assert "end_time" not in door.run(run_id)
    for status in ("KILLED", "FINISHED"):
        door.post("runs/update", run_id=run_id, status=status)
        assert door.run(run_id)["status"] == status


def test_runs_are_nested(server: JupyterServer, door: Door) -> None:
    parent = door.create(run_name="parent")
    child = door.create(run_name="child", tags=[{"key": "mlflow.parentRunId", "value": parent}])
    assert door.run(child)["tags"]["mlflow.parentRunId"] == parent
    assert server.run(child)["parent"] == parent
    assert door.search(filter=f"tags.mlflow.parentRunId = '{parent}'") == [child]
    assert door.run(child)["artifact_uri"] == f"mlflow-artifacts:/{child}/{child}"


def test_runs_are_deleted_and_restored(door: Door) -> None:
    project = door.post("experiments/create", name="deleted here")["experiment_id"]
    run_id = door.create(project)
    assert "delete those first" in door.refused("POST", "experiments/delete", experiment_id=project)[2]
    door.post("runs/delete", run_id=run_id)
    door.post("runs/delete", run_id=run_id)
    assert door.run(run_id)["lifecycle_stage"] == "deleted"
    assert door.search(project) == []
    assert door.search(project, run_view_type="DELETED_ONLY") == door.search(project, run_view_type="ALL") == [run_id]
    metric = {"run_id": run_id, "key": "a", "value": 1}
    assert "restore it" in door.refused("POST", "runs/log-metric", **metric)[2]
    door.post("runs/restore", run_id=run_id)
    door.post("runs/log-metric", **metric)
    assert door.search(project) == [run_id]
    door.post("runs/delete", run_id=run_id)
    door.post("experiments/delete", experiment_id=project)
    assert door.get("experiments/get", experiment_id=project)["experiment"]["lifecycle_stage"] == "deleted"
    assert "restore" in door.refused("POST", "runs/create", experiment_id=project)[2]
    assert door.refused("POST", "experiments/create", name="deleted here")[1] == "RESOURCE_ALREADY_EXISTS"
    door.post("experiments/restore", experiment_id=project)
    assert door.create(project)


def test_experiments_have_tags_and_keep_their_names(door: Door) -> None:
    project = door.post("experiments/create", name="tagged")["experiment_id"]
    door.post("experiments/set-experiment-tag", experiment_id=project, key="team", value="vision")
    found = door.post("experiments/search", filter="tags.team = 'vision'")["experiments"]
    assert [one["experiment_id"] for one in found] == [project]
    door.post("experiments/delete-experiment-tag", experiment_id=project, key="team")
    assert door.get("experiments/get", experiment_id=project)["experiment"]["tags"] == []
    renamed = door.refused("POST", "experiments/update", experiment_id=project, new_name="x")
    assert "keeps its name" in renamed[2]
    assert door.refused("POST", "experiments/delete", experiment_id="0")[0] == 400


def test_what_gpurun_carries_out_is_logged_by_its_own_code(server: JupyterServer, door: Door) -> None:
    run_id = server.submit("1", hold=True, gpu=0)
    for path, asked in (
        ("runs/log-metric", {"key": "a", "value": 1}),
        ("runs/log-parameter", {"key": "a", "value": "1"}),
        ("runs/set-tag", {"key": "a", "value": "1"}),
        ("runs/log-batch", {"tags": tags(a="1")}),
        ("runs/update", {"status": "FINISHED"}),
        ("logged-models", {"source_run_id": run_id, "name": "m"}),
    ):
        status, code, words = door.refused("POST", path, run_id=run_id, **asked)
        assert (status, code) == (403, "PERMISSION_DENIED"), path
        assert "its own code logs" in words
    nested = {"experiment_id": "0", "tags": [{"key": "mlflow.parentRunId", "value": run_id}]}
    assert door.refused("POST", "runs/create", **nested)[0] == 403
    assert door.artifact("PUT", f"{run_id}/{run_id}/a.txt", content=b"a").status_code == 403
    server.http.post(f"runs/{run_id}/cancel")


@pytest.mark.parametrize(
    ("path", "asked", "words"),
    [
        ("runs/log-metric", {"key": "", "value": 1}, "key"),
        ("runs/log-metric", {"key": "a", "value": "many"}, "value"),
        ("runs/log-metric", {"key": "a", "value": 1, "step": 2**70}, "step"),
        ("runs/log-metric", {"key": "a\x00", "value": 1}, "key"),
        ("runs/log-parameter", {"key": "a", "value": "b" * 7000}, "longer"),
        ("runs/set-tag", {"key": "a", "value": "b" * 9000}, "value"),
        ("runs/set-tag", {"key": "a", "value": '"' * 5000}, "longer"),
        ("runs/update", {"status": "ODD"}, "status"),
        ("runs/log-batch", {"metrics": [{"key": "a", "value": 1}] * 20_001}, "20,000"),
        ("runs/log-batch", {"metrics": 5}, "metrics"),
    ],
)
def test_what_cannot_be_kept_is_refused(door: Door, path: str, asked: dict[str, object], words: str) -> None:
    run_id = door.create()
    status, code, said = door.refused("POST", path, run_id=run_id, **asked)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert words in said
    assert door.run(run_id)["run"]["data"]["metrics"] == []


def test_data_sets_and_models_are_inputs_and_outputs(door: Door) -> None:
    run_id = door.create()
    dataset = {"name": "digits", "digest": "d1", "source_type": "local", "source": "{}", "profile": "p" * 9000}
    used = {"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "train"}]}
    for _ in range(2):
        door.post("runs/log-inputs", run_id=run_id, datasets=[used])
    door.post("runs/outputs", run_id=run_id, models=[{"model_id": "m-1", "step": 0}])
    run = door.run(run_id)["run"]
    (found,) = run["inputs"]["dataset_inputs"]
    assert found["dataset"]["name"] == "digits"
    assert found["dataset"]["profile"] == ""
    assert run["outputs"]["model_outputs"] == [{"model_id": "m-1", "step": 0}]
    assert not [one for one in run["data"]["tags"] if one["key"].startswith("gpurun.")]


def test_what_twenty_clients_log_at_once_is_all_there(server: JupyterServer, door: Door) -> None:
    run_id = door.create()

    def log(number: int) -> None:
        one = Door(server)
        for step in range(20):
            one.post("runs/log-metric", run_id=run_id, key=f"m{number}", value=step, step=step, timestamp=step)
            one.post("runs/log-parameter", run_id=run_id, key=f"p{number}.{step}", value="x")
        one.http.close()

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(log, range(20)))
    assert len(door.run(run_id)["params"]) == 400
    for number in range(20):
        assert door.history(run_id, f"m{number}") == [(float(step), step, step) for step in range(20)]


def test_a_moment_later_the_database_has_it(server: JupyterServer, door: Door) -> None:
    """Without anybody reading through the door: who looks at the page of the run sees it grow."""
    run_id = door.create()
    door.post("runs/log-metric", run_id=run_id, key="a", value=1)
    wait_until(lambda: server.run(run_id)["metrics"], 5, "for what was logged")


def test_two_servers_on_one_home(make_server: Callable[..., JupyterServer]) -> None:
    first = make_server("first").start()
    second = make_server("second")
    second.env["GPURUN_HOME"] = str(first.home)
    second.start()
    one, two = Door(first), Door(second)
    run_id = one.create()
    for step in range(30):
        one.post("runs/log-metric", run_id=run_id, key="a", value=step, step=2 * step, timestamp=2 * step)
        two.post("runs/log-metric", run_id=run_id, key="a", value=step, step=2 * step + 1, timestamp=2 * step + 1)
    assert two.history(run_id, "a") == [(float(step // 2), step, step) for step in range(60)]
    one.post("runs/log-parameter", run_id=run_id, key="lr", value="1")
    other = {"run_id": run_id, "key": "lr", "value": "2"}
    assert "already" in two.refused("POST", "runs/log-parameter", **other)[2]
    two.post("runs/delete", run_id=run_id)
    assert "deleted" in one.refused("POST", "runs/log-metric", run_id=run_id, key="a", value=1)[2]


def test_what_was_logged_outlives_the_server(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server().start()
    door = Door(server)
    run_id = door.create(run_name="outlives")
    door.post("runs/log-batch", run_id=run_id, metrics=[{"key": "a", "value": 1, "timestamp": 5, "step": 1}])
    door.post("runs/log-parameter", run_id=run_id, key="lr", value="0.1")
    server.kill()  # most likely before the database heard of it
    server.start()
    wait_until(lambda: door.run(run_id)["params"] == {"lr": "0.1"}, 10)
    assert door.history(run_id, "a") == [(1.0, 5, 1)]
    assert door.search(filter="metrics.a = 1") == [run_id]
    door.post("runs/log-metric", run_id=run_id, key="a", value=2, timestamp=6, step=2)
    assert "already" in door.refused("POST", "runs/log-parameter", run_id=run_id, key="lr", value="1")[2]
    door.post("runs/update", run_id=run_id, status="FINISHED")
    assert door.history(run_id, "a") == [(1.0, 5, 1), (2.0, 6, 2)]


def test_logging_is_quick(door: Door) -> None:
    """Each of these is one append to a file: no transaction of the database."""
    run_id = door.create()
    began = time.perf_counter()
    for step in range(100):
        door.post("runs/log-metric", run_id=run_id, key="a", value=step, step=step)
    assert time.perf_counter() - began < 5
