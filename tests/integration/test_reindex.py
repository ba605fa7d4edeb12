"""The database is lost or damaged, on a real server with a real agent and runners: `gpurun reindex` brings it back."""

from __future__ import annotations

import contextlib
import getpass
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from servers import BIN, JupyterServer, wait_until

SAME = ("id", "name", "project", "owner", "kind", "state", "outcome", "reason", "tags", "metrics", "spec", "attempt")
CODE = "from gpurun_jupyter import report\nfor i in range(3):\n    report.log(acc=i / 2, step=i)\nprint('done')"
UNTIL_TOLD = """
import pathlib, time
from gpurun_jupyter import report
report.log(acc=0.25)
while not pathlib.Path({!r}).exists():
    time.sleep(0.05)
report.log(acc=0.75)
"""


def reindex(server: JupyterServer) -> subprocess.CompletedProcess[str]:
    command = [BIN / "gpurun", "reindex", str(server.home)]
    return subprocess.run(command, env=server.env, capture_output=True, text=True, timeout=60)


def stop(server: JupyterServer) -> None:
    server.stop()
    server.end_agent()


def lose(server: JupyterServer) -> None:
    for path in server.home.glob("gpurun.db*"):
        path.unlink()


@pytest.fixture
def run_before(make_server: Callable[..., JupyterServer], tmp_path: Path) -> Any:
    """A server that had a run of each kind and is gone now, with what it said of them."""
    server = make_server().start()
    ids = [
        server.submit(CODE, gpu=0, project="digits", tags=["good"], env={"LR": "0.1"}),
        server.submit("raise ValueError('no')", gpu=0),
    ]
    for run in ids:
        server.wait(run)
    live = server.submit(UNTIL_TOLD.format(str(tmp_path / "go")), gpu=0)
    wait_until(lambda: server.run(live)["metrics"])
    held = server.submit("1", gpu=0, hold=True)
    ids += [live, held, server.submit("print('after')", gpu=0, after=[held])]
    seen = [server.run(run) for run in ids]
    stop(server)
    return server, seen, tmp_path / "go"


def test_a_lost_database_is_rebuilt_and_a_living_run_is_adopted(run_before: Any) -> None:
    server, seen, go = run_before
    lose(server)
    done = reindex(server)
    assert done.returncode == 0, done.stderr
    assert "5 runs are back, 1 of them at work; 0 were there already." in done.stdout
    assert "2 had not begun" in done.stdout
    assert "no models and no data sets" in done.stdout
    again = reindex(server)
    assert "0 runs are back, 0 of them at work; 5 were there already." in again.stdout
    server.start()
    found = [server.run(run["id"]) for run in seen]
    assert [{key: run[key] for key in SAME} for run in found[:4]] == [
        {key: run[key] for key in SAME} for run in seen[:4]
    ]
    assert found[4]["state"] == "created"  # nobody knows whether it was cancelled before it began
    for run, before in zip(found, seen, strict=True):
        for moment in ("created_at", "started_at", "finished_at"):
            assert run[moment] == pytest.approx(before[moment], abs=0.5), moment
    answer = server.http.get("runs", params={"where": "acc >= 1 and LR = 0.1"}).json()
    assert [run["id"] for run in answer["runs"]] == [seen[0]["id"]]
    for run in reversed(seen[3:]):
        assert server.http.post(f"runs/{run['id']}/start").status_code == 200
    assert server.wait(seen[4]["id"])["started_at"] > server.run(seen[3]["id"])["finished_at"]
    go.touch()
    ended = server.wait(seen[2]["id"])
    assert (ended["outcome"], ended["metrics"]["acc"]["last"], ended["attempt"]) == ("succeeded", 0.75, 1)


def test_a_damaged_database_is_put_aside_and_a_runner_that_died_is_told_of(run_before: Any) -> None:
    server, seen, _ = run_before
    for process in server.run_processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends with the one that was killed before it
            process.kill()
    data = bytearray(server.home.joinpath("gpurun.db").read_bytes())
    data[100:8192] = b"\xff" * 8092
    server.home.joinpath("gpurun.db").write_bytes(data)
    broken = server.home / "runs" / "torn" / "run.json"
    broken.parent.mkdir()
    broken.write_text('{"id":')
    done = reindex(server)
    assert done.returncode == 0, done.stderr
    assert "The database is damaged; it is gpurun.db.damaged-" in done.stdout
    assert "runs/torn/run.json is left out" in done.stdout
    server.start()
    killed = server.run(seen[2]["id"])
    assert (killed["state"], killed["reason"], killed["metrics"]["acc"]["last"]) == ("finished", "runner_killed", 0.25)
    assert server.run(seen[0]["id"])["metrics"] == seen[0]["metrics"]


def test_beside_a_server_at_work_only_an_empty_database_is_filled(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server().start()
    assert server.http.get("runs").json()["runs"] == []
    folder = server.home / "runs" / "k3f9x2ab"
    attempt = folder / "attempts" / "1"
    attempt.mkdir(parents=True)
    spec = {"code": "1", "env": {"LR": "0.1"}}
    record = {"v": 1, "id": folder.name, "name": "old", "project": "default", "owner": getpass.getuser(), "gpu": 0}
    (folder / "run.json").write_text(json.dumps(record | {"created_at": 1.0, "idempotency_key": None, "spec": spec}))
    log = [
        {"kind": "start", "t": 2.0, "v": 1, "attempt": 1, "pid": 7, "devices": []},
        {"kind": "metric", "t": 3.0, "m": 1.0, "values": {"acc": 0.5}},
    ]
    damaged = '{"kind":"metric","t":4\n{"kind":"of a newer runner"}\n'
    (attempt / "events.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in log) + damaged)
    (attempt / "exit.json").write_text(json.dumps({"kind": "end", "outcome": "timed_out", "reason": "timeout"}))
    assert reindex(server).returncode == 0
    run = server.run(folder.name)
    assert (run["outcome"], run["reason"], run["started_at"], run["metrics"]["acc"]["last"]) == (
        "timed_out",
        "timeout",
        2.0,
        0.5,
    )
    refused = reindex(server)
    assert refused.returncode == 1
    assert "at work here, on a database that holds runs" in refused.stderr
