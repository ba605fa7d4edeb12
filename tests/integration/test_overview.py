"""The timeline of the devices, the best run of a project, and putting one's own waiting runs in order."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import pytest
from servers import JupyterServer, wait_until

REPORT = "from gpurun_jupyter import report; report.log(val_acc={acc}, loss={loss})"


def queue(server: JupyterServer) -> list[str]:
    """Names in the order in which they wait."""
    found = server.http.get("runs", params={"state": "queued"}).json()["runs"]
    return [run["name"] for run in sorted(found, key=lambda run: run["waiting"]["position"])]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server whose devices and queue are a test's alone."""
    made = JupyterServer(tmp_path_factory.mktemp("overview")).start()
    yield made
    made.close()


def test_timeline_projects_and_the_order_of_the_queue(own: JupyterServer) -> None:
    server, began = own, time.time()
    for name, acc, loss in (("good", 0.97, 0.3), ("poor", 0.61, 0.2)):
        server.wait(server.submit(REPORT.format(acc=acc, loss=loss), name=name, project="digits"))
    projects = {project["name"]: project for project in server.http.get("projects").json()["projects"]}
    best = projects["digits"]["best"]
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
    earlier = server.http.get("timeline", params={"before": began}).json()["attempts"]
    assert lanes.keys().isdisjoint(lane["name"] for lane in earlier)

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
    told = server.http.get("timeline", params={"after": now}).json()["attempts"]
    starts = {lane["name"]: lane["start"] for lane in told}  # two may be granted in one round
    assert starts["d"] <= starts["b"] <= starts["c"] <= starts["a"]
    assert starts["d"] < starts["a"]


@pytest.mark.parametrize("query", ["after=2&before=1", "after=soon", "parts=0", "colour=red"])
def test_bad_times_are_refused(server: JupyterServer, query: str) -> None:
    assert server.http.get(f"timeline?{query}").status_code == 400


def test_status_says_whose_runs_are_the_askers(server: JupyterServer) -> None:
    run_id = server.submit("1")
    assert wait_until(lambda: server.run(run_id))["owner"] == server.http.get("status").json()["owner"]


def test_who_watches_runs_is_told_old_ones_at_work_and_when_the_queue_will_start(own: JupyterServer) -> None:
    """The two at work and the one that waits are older than the newest 100; until when it waits is said, too."""
    server = own
    counting = "from gpurun_jupyter import report\nimport time\nfor _ in report.track(range(600)): time.sleep(.1)"
    at_work = [server.submit(counting, name=f"counting{number}") for number in range(2)]
    for run_id in at_work:
        server.wait(run_id, "running")
    patient = server.submit("1", name="patient")
    for number in range(101):
        server.submit("1", name=f"held{number}", hold=True)
    told: set[str] = set()
    with server.http.stream("GET", "stream", params={"watch": "runs"}) as answer:
        for line in answer.iter_lines():
            found = msgspec.json.decode(line[5:]).get("runs", []) if line.startswith("data:") else []
            told = told or {run["id"] for run in found}
            waiting = [run["waiting"] for run in found if run["id"] == patient]
            if any(one.get("starts_in_s") for one in waiting):
                break
    assert {*at_work, patient} <= told
    for run_id in (patient, *at_work):
        server.http.post(f"runs/{run_id}/cancel")
        server.wait(run_id)
