"""Orphans of the run that have ended: as their subreaper the runner is who has to wait for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.agent.processes.descendants import reap
from gpurun_jupyter.agent.runner.execution import Execution

_EVERY_S = 2.0


@contextlib.asynccontextmanager
async def reaping(execution: Execution) -> AsyncIterator[None]:
    """Within it, ended orphans do not pile up: a run may start daemons for days."""

    async def work() -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            reap(spared=execution.own)

    working = in_background(work())
    try:
        yield
    finally:
        working.cancel()
