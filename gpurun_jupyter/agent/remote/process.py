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

from gpurun_jupyter.agent.remote.server_contact import Contact, ContactFile
from gpurun_jupyter.agent.runner_control import ask_to_stop, has_left_word, living_runner
from gpurun_jupyter.agent.warm.sessions import Sessions
from gpurun_jupyter.core.errors import GpurunError, InvalidRequest
from gpurun_jupyter.core.grants import Stop
from gpurun_jupyter.core.home import AttemptFolder, Home, is_number, open_log
from gpurun_jupyter.core.system.locks import holder

#: An agent that was started has reported within so long, or knows what is wrong. Seconds.
_STARTING_S = 20.0
_LEAVING_S = 60.0
_LOOK_S = 0.1


def living(folder: Path) -> int | None:
    """The agent's pid if it is at work."""
    home = Home(folder)
    found = holder(home.agent_record, home.agent_lock)
    return None if found is None else found.pid


def check_stopped(folder: Path, url: str) -> None:
    """Raises InvalidRequest where an agent is at work for the server at this address."""
    if living(folder) is not None:
        raise InvalidRequest(f"An agent for {url} is at work here.", "`gpurun agent stop` ends it first.")


def command(folder: Path) -> list[str]:
    """What is executed to be that agent."""
    return [sys.executable, "-m", "gpurun_jupyter.agent.remote", str(folder)]


def contact(folder: Path, pid: int) -> Contact | None:
    """What became of the last report of the agent at work."""
    return ContactFile(Home(folder)).read(pid)


def trouble(folder: Path) -> str:
    """Why the agent that is at work is not heard; empty where it is, or none is at work."""
    pid = living(folder)
    found = None if pid is None else contact(folder, pid)
    return "" if found is None else found.trouble


def start(folder: Path) -> Contact | None:
    """Start it, detached: it outlives this process and its terminal. Returns what became of its first report.

    Raises GpurunError where it ends at once.
    """
    home = Home(folder)
    with open_log(home.agent_log) as log:
        process = subprocess.Popen(
            command(folder), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _within(_STARTING_S, lambda: process.poll() is not None or contact(folder, process.pid) is not None)
    if process.poll() is not None:
        raise GpurunError(f"The agent ended at once, and said: {''.join(last_lines(home, 3)).strip()}")
    return contact(folder, process.pid)


def stop(folder: Path, *, kill: bool) -> bool:
    """Have it take no new runs and leave, with `kill` after its runs were ended; whether it was at work.

    Raises GpurunError where it has not left in time.
    """
    pid = living(folder)
    if pid is None:
        if kill:
            _end_what_goes_on(Home(folder))  # runs and sessions outlive their agent
        return False
    os.kill(pid, signal.SIGQUIT if kill else signal.SIGTERM)  # upon SIGQUIT it ends what is at work before it leaves
    if not _within(_LEAVING_S, lambda: living(folder) is None):
        raise GpurunError(f"The agent, pid {pid}, has not ended yet.", "`gpurun agent logs` says why.")
    return True


def _end_what_goes_on(home: Home) -> None:
    """Kill the runs that an agent has left, and end its sessions. Raises GpurunError where they do not end in time."""
    sessions = Sessions(home, 0.0)
    sessions.end_all()
    folders = [AttemptFolder(path) for path in home.runs.glob("*/attempts/[1-9]*") if is_number(path.name)]
    left = [folder for folder in folders if not has_left_word(folder) and living_runner(folder) is not None]
    for folder in left:
        number = int(folder.path.name)
        ask_to_stop(folder, Stop(folder.path.parents[1].name, number, by="who stopped the agent", kill=True))
    over = _within(_LEAVING_S, lambda: not sessions.there() and all(map(has_left_word, left)))
    if not over:
        raise GpurunError(f"Not all that goes on below {home.path} has ended.", "`ps` shows its processes.")


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
