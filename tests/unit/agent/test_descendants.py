"""What is below a process is found by whose child it is, and ended though it forks meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest
from servers import wait_until

from gpurun_jupyter.agent.processes import descendants
from gpurun_jupyter.agent.processes.descendants import below, children, kill_all, living
from gpurun_jupyter.agent.runner import leaving

#: Says which processes it has started: one that ignores what can be ignored, one of another session, one below that.
TREE = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
shell = subprocess.Popen(["sh", "-c", "sleep 300 & echo $!; wait"], env={}, start_new_session=True,
                         stdout=subprocess.PIPE, text=True)
deaf = subprocess.Popen(["sh", "-c", "trap '' TERM HUP INT; sleep 300 & wait"], env={})
print(shell.pid, shell.stdout.readline().strip(), deaf.pid, flush=True)
signal.pause()
"""
FIRST_THREAD_ENDS = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(300,)).start()
print("on", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""
#: A subreaper that kills everything below it, and says what is left.
KILLS_BELOW = """
import os, subprocess, sys, time
from gpurun_jupyter.agent.processes.descendants import become_subreaper, children, is_subreaper, kill_below
assert not is_subreaper()
become_subreaper()
assert is_subreaper()
FORKS = "import os, time\\nfor n in range(500):\\n    if os.fork(): os._exit(0)\\ntime.sleep(300)"
SPREADS = "import os, time\\nfor n in range(9): os.fork()\\ntime.sleep(300)"
for code in (FORKS, SPREADS):
    subprocess.Popen([sys.executable, "-c", code], env={}, start_new_session=True)
time.sleep(float(sys.argv[1]))
kill_below()
print(children(os.getpid()))
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")


@pytest.fixture
def begun() -> Iterator[Callable[[str], tuple[subprocess.Popen[str], str]]]:
    """Starts a program; what it prints first."""
    started = []

    def start(code: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline()

    yield start
    for process in started:
        for one in below(process.pid):
            one.kill()
        process.kill()
        process.communicate()


def test_everything_below_a_process_is_found_and_killed(
    begun: Callable[..., tuple[subprocess.Popen[str], str]],
) -> None:
    process, printed = begun(TREE)
    pids = {int(word) for word in printed.split()}
    found = list(below(process.pid))
    assert pids <= {one.pid for one in found}
    assert set(children(process.pid)) < {one.pid for one in found}
    kill_all(lambda: below(process.pid))
    # one that is killed may take a moment to be gone
    wait_until(lambda: [one for one in found if living(one.pid) is not None] == [], 5)
    assert process.poll() is None


def test_who_is_gone_has_no_children() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert children(process.pid) == []
    assert living(process.pid) is None


@linux
def test_a_process_whose_first_thread_has_ended_lives(begun: Callable[..., tuple[subprocess.Popen[str], str]]) -> None:
    process, _ = begun(FIRST_THREAD_ENDS)
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, what="for its first thread to end")
    assert living(process.pid) is not None
    kill_all(lambda: [psutil.Process(process.pid)] if living(process.pid) else [])
    assert process.wait(10) == -signal.SIGKILL


def test_a_process_that_has_ended_and_was_not_waited_for_does_not_live() -> None:
    process = subprocess.Popen(["true"])
    wait_until(lambda: living(process.pid) is None, what="for it to end")
    assert process.pid in children(os.getpid())
    descendants.reap(spared={process.pid})
    assert process.pid in children(os.getpid())
    descendants.reap()
    assert process.pid not in children(os.getpid())


@linux
@pytest.mark.parametrize("after_s", ["0.05", "0.15", "0.3"])
def test_what_forks_quickly_is_outrun(after_s: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLS_BELOW, after_s], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_one_that_has_just_ended_need_not_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen(["sleep", "300"])
    looks = iter([[psutil.Process(process.pid)], []])
    process.kill()
    process.wait()
    monkeypatch.setattr(leaving, "_of_session", lambda _: next(looks))
    assert asyncio.run(leaving.left_at_work(os.getpid())) == []
