"""The routes that tell what runs measured."""

from __future__ import annotations

import pytest
from servers import JupyterServer, wait_until

from gpurun_jupyter.client import Client

CURVE = """from gpurun_jupyter import report
for i in range(500):
    report.log(step=i, epoch=i / 100, loss=1 / (i + 1), acc=9 if i == 250 else i / 500)"""


@pytest.fixture(scope="module")
def curve(server: JupyterServer) -> str:
    """A run that logged 500 values of each of three metrics."""
    run_id = server.submit(CURVE)
    assert server.wait(run_id)["outcome"] == "succeeded"
    return run_id


def test_what_a_better_source_says_replaces_what_was_read_before(server: JupyterServer) -> None:
    code = """
import time; from gpurun_jupyter import report
for n in (1, 2): print(f"epoch {n} Val-Loss: 0.{n}", flush=True)
time.sleep(1.5)
for n in (40, 80): report.log(step=n, val_loss=n)"""
    run = server.wait(server.submit(code))
    assert run["metrics"] == {"val_loss": {"last": 80.0, "min": 40.0, "max": 80.0, "step": 80.0}}
    told = server.http.get(f"runs/{run['id']}/metrics").json()["metrics"]
    assert (told.keys(), told["val_loss"]["step"]) == ({"val_loss"}, [40, 80])
    found = server.http.get("runs", params={"where": "metric.val_loss < 1"}).json()["runs"]
    assert run["id"] not in [one["id"] for one in found]


def test_metrics_come_in_columns(server: JupyterServer, curve: str) -> None:
    told = server.http.get(f"runs/{curve}/metrics").json()
    assert told["attempt"] == 1
    assert set(told["metrics"]) == {"loss", "acc", "epoch"}
    loss = told["metrics"]["loss"]
    assert loss["value"] == [1 / (i + 1) for i in range(500)]
    assert loss["step"] == list(range(500))
    assert loss["epoch"] == [i / 100 for i in range(500)]
    assert loss["time"] == sorted(loss["time"])
    assert (loss["count"], loss["last"], loss["max"]) == (500, 1 / 500, 1.0)


def test_few_points_keep_the_extremes(server: JupyterServer, curve: str) -> None:
    told = server.http.get(f"runs/{curve}/metrics", params={"points": 20, "names": "acc"}).json()["metrics"]
    assert list(told) == ["acc"]
    assert len(told["acc"]["value"]) <= 20
    assert max(told["acc"]["value"]) == 9
    assert told["acc"]["count"] == 500


def test_several_runs_are_told_at_once(server: JupyterServer, curve: str) -> None:
    other = server.submit("from gpurun_jupyter import report\nreport.log(loss=2.0)")
    server.wait(other)
    told = server.http.get("metrics", params={"run": [curve, other], "names": "loss", "points": 50}).json()["runs"]
    assert set(told) == {curve, other}
    assert told[other]["metrics"]["loss"]["value"] == [2.0]
    assert told[other]["metrics"]["loss"]["step"] is None
    assert server.http.get("metrics").status_code == 400
    assert server.http.get("metrics", params={"run": "nothing"}).json()["error"]["code"] == "run_not_found"


def test_the_client_gives_them_too(server: JupyterServer, curve: str) -> None:
    client = Client(server.url.rstrip("/"), "test-token")
    metrics = client.get(curve).metrics(points=10)
    assert len(metrics["loss"]["value"]) <= 10
    assert metrics["acc"]["last"] == 499 / 500
    assert len(client.get(curve).metrics()["loss"]["value"]) == 500


def test_a_run_that_waits_has_measured_nothing(server: JupyterServer) -> None:
    run_id = server.submit("1", hold=True)
    assert server.http.get(f"runs/{run_id}/metrics").json() == {"metrics": {}, "attempt": 0}
    assert server.http.get(f"runs/{run_id}/samples").json() == {"samples": {}, "attempt": 0}
    server.http.post(f"runs/{run_id}/cancel", json={})


def test_memory_is_sampled(server: JupyterServer) -> None:
    run_id = server.submit("import time; time.sleep(1.5)")
    server.wait(run_id)
    samples = server.http.get(f"runs/{run_id}/samples", params={"points": 100}).json()["samples"]
    assert samples["rss"]["value"][0] > 1e6
    assert len(samples["rss"]["time"]) == len(samples["rss"]["value"])


def test_a_long_log_is_put_in_columns_when_the_run_is_over(server: JupyterServer) -> None:
    code = "from gpurun_jupyter import report\nfor step in range(5000): report.log(step=step, loss=1 / (step + 1))"
    run_id = server.submit(code)
    assert server.wait(run_id)["outcome"] == "succeeded"
    attempt = server.home / "runs" / run_id / "attempts" / "1"
    wait_until(lambda: any(path.name.startswith("columns") for path in attempt.iterdir()))
