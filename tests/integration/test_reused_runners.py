"""Runners of entry points, one attempt after another: what happens to one of them is of no consequence for the next."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from integration.test_directory_run import post, zipped
from nvml.machine import Machine
from servers import JupyterServer, wait_until

COUNT = "import time\nfor n in range(100):\n    print(n, flush=True)\n    time.sleep(0.05)\n"
DEAF = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("deaf", flush=True)
while True: time.sleep(60)
"""
STRAY = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(300)
    os._exit(0)
open("/dev/null").close()
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, nvml_library: Path) -> Iterator[JupyterServer]:
    """A server with one slot and two GPUs: runs of each follow one another."""
    folder = tmp_path_factory.mktemp("alone")
    server = JupyterServer(folder)
    server.env |= Machine(folder / "gpus.txt", nvml_library).env | {"GPURUN_CPU_SLOTS": "1"}
    yield server.start()
    server.close()


def submitted(server: JupyterServer, script: str, gpu: int = 0) -> str:
    answer = post(server, zipped({"main.py": script}), entry="main.py", gpu=str(gpu))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def runner_of(server: JupyterServer, run_id: str) -> psutil.Process:
    return psutil.Process(wait_until(lambda: server.events(run_id), what="for its runner")[0]["pid"])


def printed(server: JupyterServer, run_id: str, text: str) -> None:
    wait_until(lambda: text in server.log(run_id), what=f"for {text!r}")


def test_one_runner_carries_out_several_attempts(alone: JupyterServer) -> None:
    ids = [submitted(alone, f"print({number})") for number in range(3)]
    assert [alone.wait(run_id)["outcome"] for run_id in ids] == ["succeeded"] * 3
    assert [alone.log(run_id) for run_id in ids] == ["0\n", "1\n", "2\n"]
    assert len({runner_of(alone, run_id).pid for run_id in ids}) == 1


def test_it_lets_its_gpus_go_and_takes_others(alone: JupyterServer) -> None:
    show = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'].count('GPU-'))"
    ids = [submitted(alone, show, gpu) for gpu in (2, 1, 2, 0, 2)]
    assert [alone.wait(run_id)["outcome"] for run_id in ids] == ["succeeded"] * 5
    assert [alone.log(run_id).strip() for run_id in ids] == ["2", "1", "2", "0", "2"]


def test_a_failure_and_a_cancel_leave_nothing_to_the_next(alone: JupyterServer) -> None:
    failing, deaf = submitted(alone, "raise SystemExit(3)"), submitted(alone, DEAF)
    printed(alone, deaf, "deaf")
    alone.http.post(f"runs/{deaf}/cancel", json={"kill": True})
    after = submitted(alone, "print('well')")
    assert (alone.wait(failing)["reason"], alone.wait(deaf)["outcome"]) == ("exit_code", "cancelled")
    assert (alone.wait(after)["outcome"], alone.log(after)) == ("succeeded", "well\n")
    assert len({runner_of(alone, run_id).pid for run_id in (failing, deaf, after)}) == 1


def test_what_a_run_leaves_behind_is_ended_before_the_next(alone: JupyterServer) -> None:
    first, second = submitted(alone, STRAY), submitted(alone, "print('next')")
    assert alone.wait(first)["outcome"] == alone.wait(second)["outcome"] == "succeeded"
    marks = (f"{first}/1", f"{second}/1")
    assert not [one for one in psutil.process_iter() if mark_of(one) in marks]


def test_one_that_is_killed_while_it_waits_is_missed_by_nobody(alone: JupyterServer) -> None:
    first = submitted(alone, "print(1)")
    alone.wait(first)
    runner = runner_of(alone, first)
    os.kill(runner.pid, signal.SIGKILL)
    second = submitted(alone, "print(2)")
    assert (alone.wait(second)["outcome"], alone.run(second)["attempt"]) == ("succeeded", 1)
    assert runner_of(alone, second).pid != runner.pid


def test_one_that_is_killed_in_a_later_attempt_fails_that_one_alone(alone: JupyterServer) -> None:
    first, second = submitted(alone, "print(1)"), submitted(alone, COUNT)
    printed(alone, second, "5\n")
    os.kill(runner_of(alone, second).pid, signal.SIGKILL)
    assert alone.wait(first)["outcome"] == "succeeded"
    assert alone.wait(second)["reason"] == "runner_killed"
    lines = alone.log(second).split()
    assert lines == [str(number) for number in range(len(lines))]
    third = submitted(alone, "print(3)")
    assert alone.wait(third)["outcome"] == "succeeded"


def test_a_killed_agent_adopts_a_later_attempt(alone: JupyterServer) -> None:
    first, second = submitted(alone, "print(1)"), submitted(alone, COUNT)
    printed(alone, second, "5\n")
    alone.end_agent(signal.SIGKILL)
    assert (alone.wait(second)["outcome"], alone.run(second)["attempt"]) == ("succeeded", 1)
    assert alone.log(second).split() == [str(number) for number in range(100)]
    assert alone.wait(first)["outcome"] == "succeeded"


def test_one_that_nobody_needs_leaves(alone: JupyterServer) -> None:
    run_id = submitted(alone, "print(1)")
    alone.wait(run_id)
    runner = runner_of(alone, run_id)
    wait_until(lambda: not runner.is_running() or runner.status() == psutil.STATUS_ZOMBIE, what="for it to leave")


def mark_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("GPURUN_ATTEMPT", "") if process.status() != psutil.STATUS_ZOMBIE else ""
    except (psutil.Error, OSError):
        return ""
