"""Processes of others: waiting for one that is not a child, finding and ending those of an attempt. POSIX only."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psutil

from gpurun_jupyter.agent.processes.descendants import PATIENCE_S, below, children, kill_all, kill_below
from gpurun_jupyter.core.system.processes import Identity

#: Every process of an attempt has this in its environment; its value is `run/attempt`.
ATTEMPT_VARIABLE = "GPURUN_ATTEMPT"
#: And this one; its value lies in the attempt's folder. A copy of a state directory has attempts of the same keys.
REPORT_VARIABLE = "GPURUN_REPORT"
#: Every process of a session has this one too; its value is the name of the session's folder.
SESSION_VARIABLE = "GPURUN_SESSION"

_POLL_S = 0.5  # only where the system has no pidfd


async def gone(identity: Identity) -> None:
    """Return when the process is gone, whoever its parent is."""
    if not hasattr(os, "pidfd_open"):
        while identity.alive():
            await asyncio.sleep(_POLL_S)
        return
    try:
        pidfd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        if identity.alive():  # asked after the pidfd was opened: it cannot be another process of the same pid
            await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


def of_attempt(key: str, folder: Path | None = None) -> list[psutil.Process]:
    """Every living process that carries the mark of this attempt, in this folder if one is named, but for this one."""
    return _with_mark(ATTEMPT_VARIABLE, key, folder)


def _with_mark(variable: str, value: str, folder: Path | None = None) -> list[psutil.Process]:
    mark = os.fsencode(f"{variable}={value}")
    return [found for pid in psutil.pids() if pid != os.getpid() and (found := _marked(pid, mark, folder)) is not None]


def _marked(pid: int, mark: bytes, folder: Path | None) -> psutil.Process | None:
    """The process if it carries the mark and is no zombie. Every run asks this of every process of the machine."""
    try:
        environment = _environment(pid)
        if mark not in environment or (folder is not None and _is_elsewhere(environment, folder)):
            return None
        process = psutil.Process(pid)
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, OSError):
        return None


def _is_elsewhere(environment: list[bytes], folder: Path) -> bool:
    """Whether these are the variables of an attempt in another folder."""
    name = os.fsencode(f"{REPORT_VARIABLE}=")
    reports = (entry.removeprefix(name) for entry in environment if entry.startswith(name))
    return any(os.path.realpath(os.path.dirname(path)) != os.fsencode(folder.resolve()) for path in reports)  # noqa: PTH120


def _environment(pid: int) -> list[bytes]:
    if sys.platform == "linux":
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123 - quicker
            return file.read().split(b"\0")
    return [os.fsencode(f"{name}={value}") for name, value in psutil.Process(pid).environ().items()]


def kill_attempt(key: str, folder: Path, patience_s: float = PATIENCE_S) -> None:
    """Kill whatever carries the mark of the attempt in this folder, also what it starts meanwhile."""
    kill_all(lambda: of_attempt(key, folder), patience_s)


def kill_session(mark: str, patience_s: float = PATIENCE_S) -> None:
    """Kill whatever carries the mark of a session, of all its attempts."""
    kill_all(lambda: _with_mark(SESSION_VARIABLE, mark), patience_s)


# Asked by the runner: everything below it is the run's


def started_here(key: str, folder: Path) -> set[psutil.Process]:
    """Every living process of the attempt that this process carries out."""
    return {*below(os.getpid()), *of_attempt(key, folder)}


def kill_started_here(key: str, folder: Path) -> None:
    """Kill all of it. Those that this process has started itself are left for it to wait for."""
    kill_all(lambda: below(os.getpid()))
    kill_attempt(key, folder)


def kill_left_behind(key: str, folder: Path) -> None:
    """The same at the end, when nobody waits for any of it. A subreaper knows at once if nothing is left."""
    if sys.platform != "linux" or children(os.getpid()):
        kill_below()
        kill_attempt(key, folder)


def kill_left_of_session(mark: str) -> None:
    """The same at the end of a session or of its kernel."""
    kill_below()
    kill_session(mark)
