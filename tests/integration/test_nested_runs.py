"""Nested runs of a run that is at work on a real server, told of in its log; and what is refused of them."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from servers import BIN, JupyterServer, wait_until

from gpurun_jupyter.core import events
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.names import new_run_id

UNTIL_TOLD = "import pathlib, time\nwhile not pathlib.Path({!r}).exists():\n    time.sleep(0.05)"
START = events.Start(v=1, attempt=1, pid=0, devices=[])
DONE = events.End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)


def tell(server: JupyterServer, run_id: str, child: str, *happened: Any, parent: str | None = None) -> None:
    """What the runner of a run writes when its code logs to a child."""
    with Home(server.home).attempt(run_id, 1).events.open("ab", buffering=0) as log:
        for event in happened:
            one = events.Child(run=child, event=event, name="fold", parent=parent, t=time.time(), m=1.0)
            log.write(events.encode_line(one))


def nested_in(server: JupyterServer, run_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.http.get("runs", params={"parent": run_id}).json()["runs"]
    return found


def gpurun(server: JupyterServer, *words: str) -> str:
    done = subprocess.run([BIN / "gpurun", *words], env=server.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_a_runs_code_logs_to_others_are_runs(server: JupyterServer, tmp_path: Path) -> None:
    parent = server.submit(UNTIL_TOLD.format(str(tmp_path / "go")), gpu=0, name="search", project="folds")
    server.wait(parent, "running")
    first, second, inner = new_run_id(), new_run_id(), new_run_id()
    tell(server, parent, first, START, events.Metric(values={"loss": 0.5}, step=1), DONE)
    tell(server, parent, second, START, events.Meta(values={"mlflow.user": "anna", "stage": "dev"}))
    tell(server, parent, inner, START, parent=second)
    wait_until(lambda: len(nested_in(server, parent)) == 2)
    assert {run["id"]: run["state"] for run in nested_in(server, parent)} == {second: "running", first: "finished"}
    assert [run["id"] for run in nested_in(server, second)] == [inner]
    asked = {"where": f"parent in ({parent}, {second}) and kind = logged", "sort": "loss", "offset": "0"}
    assert server.http.get("runs", params=asked).json()["total"] == 3
    assert server.http.get(f"runs/{first}/metrics").json()["metrics"]["loss"]["value"] == [0.5]
    assert f"↳ fold of {parent}" in gpurun(server, "runs", "--where", f"parent = {parent}")
    told = gpurun(server, "status", second)
    assert "logged by" in told
    assert parent in told
    assert "stage" in told
    assert "mlflow.user" not in told
    assert server.run(second)["meta"]["mlflow.user"] == "anna"
    (tmp_path / "go").touch()
    assert server.wait(parent)["outcome"] == "succeeded"
    assert [server.run(run_id)["outcome"] for run_id in (first, second, inner)] == ["succeeded"] * 3


def test_what_makes_no_sense_is_refused(server: JupyterServer, tmp_path: Path) -> None:
    for spec in ({"code": "1", "logged": "mlflow"}, {"logged": "mlflow"}, {"code": "1", "parent": "abcdefgh"}):
        answer = server.http.post("runs", json=spec)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request"), answer.text
    parent = server.submit(UNTIL_TOLD.format(str(tmp_path / "go")), gpu=0)
    server.wait(parent, "running")
    child = new_run_id()
    tell(server, parent, child, START)
    wait_until(lambda: nested_in(server, parent))
    answer = server.http.post(f"runs/{child}/rerun", json={})
    assert answer.status_code == 409, answer.text
    assert "logged by a client of mlflow" in answer.json()["error"]["message"]
    assert server.http.delete(f"runs/{child}").status_code == 409
    assert server.http.post(f"runs/{child}/cancel", json={}).json()["outcome"] == "cancelled"
    assert server.http.post(f"runs/{child}/cancel", json={}).status_code == 409
    tell(server, parent, child, events.Metric(values={"late": 1.0}))
    wait_until(lambda: "late" in server.run(child)["metrics"])
    assert server.run(child)["outcome"] == "cancelled"
    assert server.http.delete(f"runs/{child}").status_code == 200
    (tmp_path / "go").touch()
    assert server.wait(parent)["outcome"] == "succeeded"


def test_they_are_watched_as_any_other(server: JupyterServer, tmp_path: Path) -> None:
    parent = server.submit(UNTIL_TOLD.format(str(tmp_path / "go")), gpu=0)
    server.wait(parent, "running")
    child, seen = new_run_id(), list[str]()
    tell(server, parent, child, START)
    wait_until(lambda: nested_in(server, parent))

    def follow() -> None:
        asked = {"Accept": "text/event-stream"}
        with server.http.stream("GET", f"runs/{child}/events?cursor=1:0", headers=asked, timeout=60) as answer:
            seen.extend(answer.iter_lines())

    watching = threading.Thread(target=follow)
    watching.start()
    tell(server, parent, child, events.Metric(values={"loss": 0.125}))
    wait_until(lambda: any("0.125" in line for line in seen))
    (tmp_path / "go").touch()
    watching.join()  # it ends when the child does, which its parent's end brings
    assert any('"outcome":"succeeded"' in line for line in seen)
