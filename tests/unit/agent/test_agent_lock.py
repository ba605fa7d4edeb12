"""There is one agent for each state directory at any moment, whoever starts one and whenever it begins anew."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gpurun_jupyter.agent.agent_lock import lock_within
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.locks import is_held
from gpurun_server.agent_process import AgentProcess

TWO_LIVES = """
import os, sys
from pathlib import Path
from gpurun_jupyter.agent.agent_lock import begin_anew, lock_within
from gpurun_jupyter.core.system.locks import is_held

path = Path(sys.argv[1])
print(os.getpid(), is_held(path), flush=True)
lock = lock_within(path, 0)
print(is_held(path), os.get_inheritable(lock), flush=True)
if "LIVED" not in os.environ:
    if sys.argv[2] == "moved":
        path.rename(path.with_name("moved"))
        path.touch()
    begin_anew(lock, {**os.environ, "LIVED": "once"})
print([name for name in os.environ if name.startswith("GPURUN_AGENT")])
"""


def lives(path: Path, what: str) -> list[str]:
    command = [sys.executable, "-c", TWO_LIVES, str(path), what]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


def test_the_lock_is_kept_by_one_that_begins_anew(tmp_path: Path) -> None:
    first, taken, second, kept, left = lives(tmp_path / "lock", "there")
    assert (first.split()[0], first.split()[1]) == (second.split()[0], "False")
    assert second.split()[1] == "True"  # before it asked for it: at no moment could another have taken it
    assert taken == kept == "True False"  # no run inherits it
    assert left == "[]"
    assert not is_held(tmp_path / "lock")


def test_the_lock_of_a_directory_that_has_moved_is_not_that_of_the_new_one(tmp_path: Path) -> None:
    _, _, second, taken, _ = lives(tmp_path / "lock", "moved")
    assert second.split()[1] == "False"
    assert taken == "True False"


def test_who_comes_second_does_not_get_it(tmp_path: Path) -> None:
    assert lock_within(tmp_path / "lock", 0) is not None
    assert lock_within(tmp_path / "lock", 0.2) is None


def test_requests_at_the_same_time_start_one_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    home.create()
    process = AgentProcess(home, "", cpu_slots=1, spares=0, session_idle_s=1.0, labels=())
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return started[-1]

    monkeypatch.setattr(process, "_start", start)
    with ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(process.ensure) for _ in range(16)]:
            done.result()
    for one in started:
        one.communicate()
    assert len(started) == 1
