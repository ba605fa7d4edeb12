"""The timeline of the devices, the best run of a project, and putting one's own waiting runs in order."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from servers import JupyterServer, wait_until

REPORT = "from gpurun_jupyter import report; report.log(val_acc={acc}, loss={loss})"


def queue(server: JupyterServer) -> list[str]:
    """Names in the order in which they wait."""
    found = server.http.get("runs", params={"state": "queued"}).json()["runs"]
    return [run["name"] for run in sorted(found, key=lambda run: run["waiting"]["position"])]


def test_timeline_projects_and_the_order_of_the_queue(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server().start()
    began = time.time()
    for name, acc, loss in (("good", 0.97, 0.3), ("poor", 0.61, 0.2)):
        server.wait(server.submit(REPORT.format(acc=acc, loss=loss), name=name, project="digits"))
    best = server.http.get("projects").json()["projects"][0]["best"]
    assert (best["run_name"], best["metric"], best["mode"], best["value"]) == ("good", "val_acc", "max", 0.97)

    stop = server.folder / "stop"
    code = f"import time, pathlib\nwhile not pathlib.Path({str(stop)!r}).exists(): time.sleep(.05)"
    holders = [server.submit(code, name=f"holder{number}") for number in range(2)]
    for run_id in holders:
        server.wait(run_id, "running")
    now = time.time()
    told = server.http.get("timeline", params={"after": began, "before": now + 1, "parts": 10}).json()
    lanes = {lane["name"]: lane for lane in told["attempts"]}
    assert set(lanes) == {"good", "poor", "holder0", "holder1"}
    assert lanes["good"]["outcome"] == "succeeded"
    assert began <= lanes["good"]["start"] < lanes["good"]["end"] < lanes["holder1"]["start"] < now
    assert lanes["holder0"]["end"] is None
    assert {lanes["holder0"]["devices"][0], lanes["holder1"]["devices"][0]} == {"cpu0", "cpu1"}
    assert [share["device"] for share in told["use"]] == ["cpu0", "cpu1"]
    assert all(0 <= part <= 1 for share in told["use"] for part in share["busy"])
    assert sum(told["use"][0]["busy"]) > 0
    assert server.http.get("timeline", params={"before": began}).json()["attempts"] == []

    for name in "abcd":
        server.submit("1", name=name)
    assert queue(server) == ["a", "b", "c", "d"]
    for body, priorities, order in (
        ({"run": "d", "before": "b"}, {"d": 1, "a": 1}, ["a", "d", "b", "c"]),
        ({"run": "a"}, {"a": -1}, ["d", "b", "c", "a"]),
        ({"run": "a", "before": "a"}, {}, ["d", "b", "c", "a"]),
    ):
        answer = server.http.post("queue/move", json=body)
        assert answer.status_code == 200, answer.text
        ids = {server.run(name)["id"]: priority for name, priority in priorities.items()}
        assert answer.json()["priorities"] == ids
        assert queue(server) == order
    late = server.http.post("queue/move", json={"run": "holder0", "before": "a"})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "wrong_state")
    stop.touch()
    for name in "abcd":
        server.wait(name)
    starts = [server.run(name)["started_at"] for name in ("d", "b", "c", "a")]
    assert starts == sorted(starts)


@pytest.mark.parametrize("query", ["after=2&before=1", "after=soon", "parts=0", "colour=red"])
def test_bad_times_are_refused(server: JupyterServer, query: str) -> None:
    assert server.http.get(f"timeline?{query}").status_code == 400


def test_status_says_whose_runs_are_the_askers(server: JupyterServer) -> None:
    run_id = server.submit("1")
    assert wait_until(lambda: server.run(run_id))["owner"] == server.http.get("status").json()["owner"]
