"""Processes of others: waiting for one that is not a child, and finding every descendant of an attempt. POSIX only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from gpurun_jupyter.core.processes import Identity

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


def signal_all(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to each; those that are gone, or out of our reach, are passed over."""
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            process.send_signal(number)


def kill_attempt(key: str, folder: Path, patience_s: float = 5.0) -> None:
    """Kill whatever is left of the attempt in this folder, also what it starts meanwhile."""
    _kill_marked(ATTEMPT_VARIABLE, key, patience_s, folder)


def kill_left_behind(key: str, folder: Path) -> None:
    """The same, asked by the attempt's own runner: as their subreaper it knows at once if nobody is left."""
    if not _childless():
        kill_attempt(key, folder)


def _childless() -> bool:
    """Whether this process has no children, orphans of its descendants included; False where that cannot be told."""
    if sys.platform != "linux":
        return False
    try:
        return not any(path.read_bytes() for path in Path("/proc/self/task").glob("*/children"))
    except OSError:  # a thread has just ended; or the system keeps no such files
        return False


def kill_session(mark: str, patience_s: float = 5.0) -> None:
    """Kill whatever is left of a session, of all its attempts."""
    _kill_marked(SESSION_VARIABLE, mark, patience_s)


def _kill_marked(variable: str, value: str, patience_s: float, folder: Path | None = None) -> None:
    """Kill what carries a mark, also what it starts meanwhile.

    What is found is stopped first, and killed when a look finds nothing new: else what forks quickly outruns us.
    """
    give_up = time.monotonic() + patience_s
    frozen: set[psutil.Process] = set()
    while (left := set(_with_mark(variable, value, folder))) and time.monotonic() < give_up:
        if left <= frozen:
            signal_all(left, signal.SIGKILL)
            psutil.wait_procs(left, timeout=1)
        else:
            signal_all(left, signal.SIGSTOP)
            frozen |= left
    signal_all(left, signal.SIGKILL)
