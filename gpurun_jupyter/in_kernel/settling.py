"""After a run's last line: tasks and threads that it started are waited for, as Python does at the end of a script."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

#: What is waited for is said after so long, seconds.
_SAY_AFTER_S = 2.0
#: Whose own tasks these are.
_KERNELS = {"ipykernel", "tornado", "zmq", "jupyter_client", "IPython"}


async def settle() -> None:
    """Wait for the asyncio tasks that the code has started and not awaited."""
    said = False
    while tasks := [task for task in asyncio.all_tasks() if _is_users(task)]:  # tasks may start others
        await asyncio.wait(tasks, timeout=None if said else _SAY_AFTER_S)
        if not said and any(not task.done() for task in tasks):
            _say("task", [task.get_name() for task in tasks if not task.done()])
            said = True
    threading.Thread(target=_watch_threads, name="gpurun", daemon=True).start()


def _watch_threads() -> None:
    """Name the threads for which Python waits at its end, should that take long."""
    threading.Event().wait(_SAY_AFTER_S)
    if waits := [one.name for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]:
        _say("thread", waits)


def _say(kind: str, names: list[str]) -> None:
    print(f"[gpurun] The code is over; the run waits for {kind} {', '.join(names)}.", file=sys.stderr, flush=True)


def _is_users(task: asyncio.Task[Any]) -> bool:
    if task is asyncio.current_task():
        return False
    # A task does not tell who made it: the module of its code does.
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] not in _KERNELS
