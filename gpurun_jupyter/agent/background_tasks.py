"""Tasks that nobody awaits: what they raise is told at once, as what a callback raises is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


def in_background(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that nobody awaits. What it raises goes to the loop's exception handler when it is raised.

    asyncio itself tells of it when the task is thrown away; of one that is kept nobody would hear.
    """
    task = asyncio.create_task(coroutine)
    task.add_done_callback(_raise_on)
    return task


def _raise_on(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.result()
