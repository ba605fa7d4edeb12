"""The daemon of a joined server as others on its machine see it: whether it is at work, starting and ending it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.processes import read_identity

#: An agent that was started is at work within so long, or has said what is wrong. Seconds.
_STARTING_S, _SETTLING_S = 10.0, 1.0
_LEAVING_S = 60.0
_LOOK_S = 0.1


def living(folder: Path) -> int | None:
    """The agent's pid if it is at work."""
    found = read_identity(Home(folder).agent_record)
    return found.pid if found is not None and found.alive() else None


def command(folder: Path) -> list[str]:
    """What is executed to be that agent."""
    return [sys.executable, "-m", "gpurun_jupyter.agent.remote", str(folder)]


def start(folder: Path) -> None:
    """Start it, detached: it outlives this process and its terminal. Raises GpurunError where it ends at once."""
    home = Home(folder)
    with home.agent_log.open("ab") as log:
        process = subprocess.Popen(
            command(folder), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _within(_STARTING_S, lambda: process.poll() is not None or living(folder) is not None)
    if _within(_SETTLING_S, lambda: process.poll() is not None):
        raise GpurunError(f"The agent ended at once, and said: {''.join(last_lines(home, 3)).strip()}")


def stop(folder: Path, *, kill: bool) -> bool:
    """Have it take no new runs and leave, with `kill` after its runs were ended; whether it was at work.

    Raises GpurunError where it has not left in time.
    """
    pid = living(folder)
    if pid is None:
        return False
    os.kill(pid, signal.SIGQUIT if kill else signal.SIGTERM)
    if not _within(_LEAVING_S, lambda: living(folder) is None):
        raise GpurunError(f"The agent, pid {pid}, has not ended yet.", "`gpurun agent logs` says why.")
    return True


def last_lines(home: Home, count: int) -> list[str]:
    """What it said last."""
    try:
        with home.agent_log.open(errors="replace") as log:
            return list(deque(log, maxlen=count))
    except FileNotFoundError:
        return []


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether it came true in time."""
    give_up = time.monotonic() + seconds
    while not (true := condition()) and time.monotonic() < give_up:
        time.sleep(_LOOK_S)
    return true
