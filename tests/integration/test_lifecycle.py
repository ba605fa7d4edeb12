"""What may be asked of runs, and when: hold and start, priorities, predecessors, retries, the history of it all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from servers import JupyterServer, wait_until

from gpurun_jupyter.core.system.processes import Identity

#: Fails unless a file is there, and says which attempt it is.
FLAKY = """
import os, pathlib
print("attempt", os.environ["GPURUN_ATTEMPT"])
pathlib.Path("mine.txt").write_text(os.environ["GPURUN_ATTEMPT"])
assert pathlib.Path({flag!r}).exists(), "not yet"
"""
STAY = "import os, time\nwhile not os.path.exists({flag!r}): time.sleep(0.05)"


def post(server: JupyterServer, path: str, **body: Any) -> dict[str, Any]:
    answer = server.http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refusal(answer: Any) -> str:
    """The message of a refusal because of the run's state."""
    assert answer.status_code == 409, answer.text
    assert answer.json()["error"]["code"] == "wrong_state"
    return str(answer.json()["error"]["message"])


def history(server: JupyterServer, run_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.http.get(f"runs/{run_id}/history").json()["history"]
    return found


def states(server: JupyterServer, run_id: str) -> list[str]:
    return [change["after"] for change in history(server, run_id)]


def attempt_of(server: JupyterServer, run_id: str, number: int) -> Path:
    return server.home / "runs" / run_id / "attempts" / str(number)


@contextmanager
def full(server: JupyterServer, flag: Path) -> Iterator[list[str]]:
    """Both CPU slots are held meanwhile."""
    held = [server.submit(STAY.format(flag=str(flag))) for _ in range(2)]
    for run_id in held:
        server.wait(run_id, "running")
    try:
        yield held
    finally:
        flag.touch()
        for run_id in held:
            server.wait(run_id)


# Hold and start


def test_a_run_on_hold_begins_when_it_is_started(server: JupyterServer) -> None:
    held, other = server.submit("print('held')", hold=True), server.submit("1")
    server.wait(other)
    run = server.run(held)
    assert (run["state"], run["queued_at"], run["waiting"], run["attempt"]) == ("created", None, None, 0)
    assert post(server, f"runs/{held}/start")["state"] in ("queued", "starting")
    assert server.wait(held)["outcome"] == "succeeded"
    assert states(server, held) == ["created", "queued", "starting", "running", "finished"]


def test_a_run_is_started_once(server: JupyterServer) -> None:
    run_id = server.submit("1", hold=True)
    post(server, f"runs/{run_id}/start")
    assert "already" in refusal(server.http.post(f"runs/{run_id}/start"))
    server.wait(run_id)
    assert "is finished already" in refusal(server.http.post(f"runs/{run_id}/start"))
    assert server.http.post("runs/nothing/start").status_code == 404


def test_a_run_on_hold_can_be_cancelled_and_not_be_started_then(server: JupyterServer) -> None:
    run_id = server.submit("1", hold=True)
    assert post(server, f"runs/{run_id}/cancel")["outcome"] == "cancelled"
    refusal(server.http.post(f"runs/{run_id}/start"))
    refusal(server.http.post(f"runs/{run_id}/cancel"))
    assert states(server, run_id) == ["created", "finished"]


# Priority


def test_a_new_priority_reorders_the_queue(server: JupyterServer, tmp_path: Path) -> None:
    with full(server, tmp_path / "go"):
        first, second, third = (server.submit("1", name=f"n{number}") for number in range(3))
        places = [server.run(run_id)["waiting"]["position"] for run_id in (first, second, third)]
        assert places == sorted(places)
        assert server.http.patch(f"runs/{third}", json={"priority": 7}).json()["priority"] == 7
        assert server.http.patch(f"runs/{first}", json={"priority": -7}).status_code == 200
        places = [server.run(run_id)["waiting"]["position"] for run_id in (third, second, first)]
        assert places == sorted(places)
    granted = []
    for run_id in (third, second, first):
        server.wait(run_id)
        granted += [change["at"] for change in history(server, run_id) if change["after"] == "starting"]
    assert granted == sorted(granted)


def test_the_priority_of_a_run_that_began_cannot_be_changed(server: JupyterServer, tmp_path: Path) -> None:
    with full(server, tmp_path / "go") as (running, _):
        assert "is running" in refusal(server.http.patch(f"runs/{running}", json={"priority": 1}))
        assert server.http.patch(f"runs/{running}", json={"tags": ["kept"]}).json()["tags"] == ["kept"]
    assert "is finished" in refusal(server.http.patch(f"runs/{running}", json={"priority": 1}))


@pytest.mark.parametrize("body", [{"priority": 1001}, {"priority": "high"}, {"name": "new"}, {"project": "a/b"}])
def test_changes_that_make_no_sense_are_refused(server: JupyterServer, body: dict[str, Any]) -> None:
    run_id = server.submit("1")
    assert server.http.patch(f"runs/{run_id}", json=body).status_code == 400


# Predecessors


def test_a_run_waits_for_the_success_of_another(server: JupyterServer, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    first = server.submit(STAY.format(flag=str(flag)), name="prep")
    second = server.submit("1", after=[first])
    server.wait(first, "running")
    assert "«prep»" in server.run(second)["waiting"]["why"]
    flag.touch()
    assert server.wait(second)["started_at"] >= server.wait(first)["finished_at"] - 1
    assert server.run(second)["outcome"] == "succeeded"


def test_what_comes_after_a_failure_is_cancelled_in_a_chain(server: JupyterServer) -> None:
    first = server.submit("1 / 0", hold=True)
    second = server.submit("1", after=[first])
    third = server.submit("1", after=[second], hold=True)
    post(server, f"runs/{first}/start")
    for run_id, before in ((second, first), (third, second)):
        run = server.wait(run_id)
        assert (run["outcome"], run["reason"], run["attempt"]) == ("cancelled", "predecessor_failed", 0)
        assert before in run["message"]
    assert server.run(first)["outcome"] == "failed"


def test_what_comes_after_a_run_that_was_cancelled_while_it_waited_is_cancelled(server: JupyterServer) -> None:
    first = server.submit("1", hold=True)
    second = server.submit("print('never')", after=[first])
    post(server, f"runs/{first}/cancel")
    assert server.run(second)["reason"] == "predecessor_failed"


def test_nothing_can_be_told_to_come_after_a_failure(server: JupyterServer) -> None:
    failed = server.wait(server.submit("1 / 0"))["id"]
    assert failed in refusal(server.http.post("runs", json={"code": "1", "after": [failed]}))
    assert server.http.post("runs", json={"code": "1", "after": ["nobody"]}).status_code == 404


# Retries


def test_a_failure_is_tried_again_in_a_folder_and_with_a_log_of_its_own(server: JupyterServer, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    run_id = server.submit(FLAKY.format(flag=str(flag)), retries=5)
    wait_until(lambda: attempt_of(server, run_id, 2).exists(), what="for the second attempt")
    flag.touch()
    run = server.wait(run_id)
    assert (run["outcome"], run["reason"]) == ("succeeded", "completed")
    last = run["attempt"]
    assert last >= 2
    for number in range(1, last + 1):
        folder = attempt_of(server, run_id, number)
        assert (folder / "work" / "mine.txt").read_text() == f"{run_id}/{number}"
        printed = [event for event in server.events(run_id, f"{number}:0") if event["kind"] == "start"]
        assert printed[0]["attempt"] == number
    again = [change for change in history(server, run_id) if change["after"] == "queued"][1:]
    assert [change["message"].split(":")[0] for change in again] == [f"attempt {n} failed" for n in range(1, last)]
    assert "not yet" in again[0]["message"]


def test_the_budget_of_retries_is_kept(server: JupyterServer, tmp_path: Path) -> None:
    run_id = server.submit(FLAKY.format(flag=str(tmp_path / "never")), retries=1)
    run = server.wait(run_id)
    assert (run["outcome"], run["reason"], run["attempt"]) == ("failed", "exception", 2)
    assert states(server, run_id) == [
        "queued",
        *["starting", "running", "queued"],
        *["starting", "running", "finished"],
    ]


def test_what_is_not_a_failure_is_not_tried_again(server: JupyterServer) -> None:
    late = server.submit("import time; time.sleep(60)", retries=2, timeout=4)
    stopped = server.submit("import time; print('here'); time.sleep(60)", retries=2)
    wait_until(lambda: server.log(stopped), what="for the run's first line")
    post(server, f"runs/{stopped}/cancel")
    outcomes = {"timed_out": server.wait(late), "cancelled": server.wait(stopped)}
    for outcome, run in outcomes.items():
        assert (run["outcome"], run["attempt"]) == (outcome, 1)


def test_a_run_that_waits_for_its_next_attempt_can_be_cancelled(server: JupyterServer, tmp_path: Path) -> None:
    fail = f"import os, time\nwhile not os.path.exists({str(tmp_path / 'fail')!r}): time.sleep(0.02)\n1 / 0"
    run_id = server.submit(fail, retries=50)
    with full_behind(server, run_id, tmp_path):
        (tmp_path / "fail").touch()
        wait_until(lambda: server.run(run_id)["state"] == "queued", what="for the next attempt to wait")
        run = post(server, f"runs/{run_id}/cancel")
        assert (run["state"], run["outcome"], run["attempt"]) == ("finished", "cancelled", 1)
    assert not attempt_of(server, run_id, 2).exists()


@contextmanager
def full_behind(server: JupyterServer, run_id: str, folder: Path) -> Iterator[None]:
    """The run goes on one slot; others hold the second, and go before it once it has to wait."""
    server.wait(run_id, "running")
    flag = folder / "go"
    others = [server.submit(STAY.format(flag=str(flag)), priority=5) for _ in range(2)]
    server.wait(others[0], "running")
    try:
        yield
    finally:
        flag.touch()
        for other in others:
            server.wait(other)


def test_a_killed_runner_is_tried_again(server: JupyterServer, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    run_id = server.submit(STAY.format(flag=str(flag)), retries=1)
    server.wait(run_id, "running")
    record = (attempt_of(server, run_id, 1) / "runner.json").read_bytes()
    psutil.Process(msgspec.json.decode(record, type=Identity).pid).kill()
    wait_until(lambda: server.run(run_id)["attempt"] == 2, what="for the second attempt")
    flag.touch()
    run = server.wait(run_id)
    assert (run["outcome"], run["attempt"]) == ("succeeded", 2)
    (again,) = [change for change in history(server, run_id) if change["before"] == "running"][:1]
    assert "The runner was killed" in again["message"]


# History and idempotency


def test_the_history_says_when_who_and_why(server: JupyterServer) -> None:
    run_id = server.submit("1 / 0")
    run = server.wait(run_id)
    changes = history(server, run_id)
    assert [change["before"] for change in changes] == [None, "queued", "starting", "running"]
    assert [change["at"] for change in changes] == sorted(change["at"] for change in changes)
    assert changes[0]["by"] == run["owner"]
    assert changes[1]["by"].startswith("agent ")
    assert (changes[-1]["outcome"], changes[-1]["reason"]) == ("failed", "exception")
    assert "ZeroDivisionError" in changes[-1]["message"]
    assert server.http.get("runs/nothing/history").status_code == 404


def test_one_submission_sent_many_times_at_once_is_one_run(server: JupyterServer) -> None:
    def send(_: int) -> str:
        answer = server.http.post("runs", json={"code": "print('once')"}, headers={"Idempotency-Key": "the same"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    with ThreadPoolExecutor(8) as senders:
        ids = set(senders.map(send, range(16)))
    assert len(ids) == 1
    (run_id,) = ids
    server.wait(run_id)
    assert send(0) == run_id
    assert server.log(run_id) == "once\n"
    other = server.http.post("runs", json={"code": "1"}, headers={"Idempotency-Key": "another"}).json()["id"]
    assert other != run_id
