"""Processes of others: waiting for one that is not a child, and finding every descendant of an attempt. POSIX only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterable

import psutil

from gpurun_jupyter.core.processes import Identity

#: Every process of an attempt has this in its environment; its value is `run/attempt`.
ATTEMPT_VARIABLE = "GPURUN_ATTEMPT"

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
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _marked(process, key)]


def _marked(process: psutil.Process, key: str) -> bool:
    try:
        return bool(process.environ().get(ATTEMPT_VARIABLE) == key and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, OSError):
        return False


def signal_all(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to each; those that are gone by now are passed over."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def kill_attempt(key: str, patience_s: float = 5.0) -> None:
    """Kill whatever is left of an attempt, also what it starts meanwhile."""
    give_up = time.monotonic() + patience_s
    while (left := of_attempt(key)) and time.monotonic() < give_up:
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=1)
