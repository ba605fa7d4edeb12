"""Processes of others: waiting for one that is not a child, finding and ending those of an attempt. POSIX only."""

from __future__ import annotations

import asyncio
import os
import sys

import psutil

from gpurun_jupyter.agent.descendants import PATIENCE_S, below, children, kill_all, kill_below
from gpurun_jupyter.core.processes import Identity

#: Every process of an attempt has this in its environment; its value is `run/attempt`.
ATTEMPT_VARIABLE = "GPURUN_ATTEMPT"
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


def of_attempt(key: str) -> list[psutil.Process]:
    """Every living process that carries the mark of this attempt, this process left out."""
    return _with_mark(ATTEMPT_VARIABLE, key)


def _with_mark(variable: str, value: str) -> list[psutil.Process]:
    mark = os.fsencode(f"{variable}={value}")
    return [found for pid in psutil.pids() if pid != os.getpid() and (found := _marked(pid, mark)) is not None]


def _marked(pid: int, mark: bytes) -> psutil.Process | None:
    """The process if it carries the mark and is no zombie. Every run asks this of every process of the machine."""
    try:
        if mark not in _environment(pid):
            return None
        process = psutil.Process(pid)
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, OSError):
        return None


def _environment(pid: int) -> list[bytes]:
    if sys.platform == "linux":
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123 - quicker
            return file.read().split(b"\0")
    return [os.fsencode(f"{name}={value}") for name, value in psutil.Process(pid).environ().items()]


def kill_attempt(key: str, patience_s: float = PATIENCE_S) -> None:
    """Kill whatever carries the mark of an attempt, also what it starts meanwhile."""
    kill_all(lambda: of_attempt(key), patience_s)


def kill_session(mark: str, patience_s: float = PATIENCE_S) -> None:
    """Kill whatever carries the mark of a session, of all its attempts."""
    kill_all(lambda: _with_mark(SESSION_VARIABLE, mark), patience_s)


# Asked by the runner: everything below it is the run's


def started_here(key: str) -> set[psutil.Process]:
    """Every living process of the attempt that this process carries out."""
    return {*below(os.getpid()), *of_attempt(key)}


def kill_started_here(key: str) -> None:
    """Kill all of it. Those that this process has started itself are left for it to wait for."""
    kill_all(lambda: below(os.getpid()))
    kill_attempt(key)


def kill_left_behind(key: str) -> None:
    """The same at the end, when nobody waits for any of it. A subreaper knows at once if nothing is left."""
    if sys.platform != "linux" or children(os.getpid()):
        kill_below()
        kill_attempt(key)


def kill_left_of_session(mark: str) -> None:
    """The same at the end of a session or of its kernel."""
    kill_below()
    kill_session(mark)
