"""Processes that a run has started and not waited for: a moment to end by themselves, before they are ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable

import psutil

from gpurun_jupyter.agent.descendants import below
from gpurun_jupyter.agent.processes import gone
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.processes import Identity

#: So long, seconds.
PATIENCE_S = 5.0
_MOST_NAMES = 3


async def left_at_work(session: int | None, patience_s: float = PATIENCE_S) -> list[str]:
    """Wait for what is left of the process session of a run's own process; returns the names of what is still there.

    What has made itself a session of its own, as daemons do, does not mind being ended.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + patience_s
    while (left := [*_of_session(session)]) and (left_s := give_up - loop.time()) > 0:
        waits = [asyncio.create_task(gone(Identity.of(process.pid))) for process in left]
        await asyncio.wait(waits, timeout=left_s)
        for wait in waits:
            wait.cancel()
    return [*_names(left)]


def not_all_waited_for(end: End, names: list[str]) -> End:
    """The end of an attempt of which these processes had to be ended: no success."""
    if not names or end.outcome is not Outcome.SUCCEEDED:
        return end
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    message = (
        f"The code was over, but left at work what then had to be ended: {', '.join(names[:_MOST_NAMES])}{more}. Wait "
        "for what the code starts; what may be ended, start in a session of its own (start_new_session=True)."
    )
    return End(outcome=Outcome.FAILED, reason=Reason.LEFT_BEHIND, exit_code=end.exit_code, message=message)


def _of_session(session: int | None) -> Iterable[psutil.Process]:
    for process in below(os.getpid()):
        with contextlib.suppress(OSError):
            if session is not None and process.pid != session and os.getsid(process.pid) == session:
                yield process


def _names(processes: Iterable[psutil.Process]) -> Iterable[str]:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            yield f"{process.name()} (pid {process.pid})"
