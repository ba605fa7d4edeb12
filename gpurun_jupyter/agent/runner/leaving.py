"""After the last line: tasks are waited for, and processes get a moment to end by themselves before they are ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable

import psutil

from gpurun_jupyter.agent.kernels.kernelspecs import kernelspec
from gpurun_jupyter.agent.processes.descendants import below
from gpurun_jupyter.agent.processes.marked import gone
from gpurun_jupyter.core.system.processes import Identity

#: Seconds.
PATIENCE_S = 5.0

_SETTLE = """\
try:
    await __import__("gpurun_jupyter.in_kernel.settling", fromlist=["settling"]).settle()
except ImportError:
    pass
"""


async def left_at_work(session: int | None, patience_s: float = PATIENCE_S) -> list[str]:
    """Wait for what is left of the process session of a run's own process; returns the names of what is still there.

    What has made itself a session of its own, as daemons do, does not mind being ended.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + patience_s
    while (left := [*_of_session(session)]) and (left_s := give_up - loop.time()) > 0:
        waits = [asyncio.create_task(_ended(process)) for process in left]
        await asyncio.wait(waits, timeout=left_s)
        for wait in waits:
            wait.cancel()
    return [*_names(left)]


def settling(kernel: str) -> str | None:
    """The code that waits for the asyncio tasks of what a kernel has run; None for a kernel that has none."""
    return _SETTLE if kernelspec(kernel).language.lower() == "python" else None


async def _ended(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
        await gone(Identity.of(process.pid))


def _of_session(session: int | None) -> Iterable[psutil.Process]:
    for process in below(os.getpid()):
        with contextlib.suppress(OSError):  # it has just ended
            if session is not None and process.pid != session and os.getsid(process.pid) == session:
                yield process


def _names(processes: Iterable[psutil.Process]) -> Iterable[str]:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            yield f"{process.name()} (pid {process.pid})"
