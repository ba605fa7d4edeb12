"""An attempt that an agent carries out, and how the agent keeps at what may fail on the way to its server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

from gpurun_jupyter.agent.pauses import Pauses
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Ended, Grant, Stop
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import Outcome, Reason

log = logging.getLogger("gpurun.agent")


@dataclass
class Held:
    """An attempt that this agent carries out."""

    grant: Grant
    folder: AttemptFolder
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)  # the same, for another who waits
    stop: Stop | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # it has been asked to
    recording: asyncio.Task[None] | None = None  # in which environment it runs
    end: End | None = None  # its runner is gone

    def ended(self) -> Ended:
        """What is reported of its end."""
        assert self.end is not None
        return Ended(self.grant.run_id, self.grant.attempt, self.end)


async def until_done(held: Held, act: Callable[[Grant], Awaitable[None]], pauses: Pauses) -> None:
    """Do it again and again until it works. Raises GpurunError."""
    while True:
        try:
            return await act(held.grant)
        except OSError as error:
            log.warning("%s: %s", held.grant.key, error)
        await pauses.pause()


async def unless_stopped(held: Held, doing: Coroutine[None, None, None]) -> bool:
    """Do it, and break it off when the attempt is asked to end; whether it was done. Raises what it raises."""
    done, stopping = asyncio.ensure_future(doing), asyncio.ensure_future(held.stopping.wait())
    try:
        await asyncio.wait({done, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if done.done():
            done.result()
        return done.done()
    finally:
        done.cancel()
        stopping.cancel()


def cancelled_by(held: Held) -> End:
    """How an attempt ends that was stopped before it began."""
    by = "somebody" if held.stop is None else held.stop.by
    return End(outcome=Outcome.CANCELLED, reason=Reason.CANCELLED_BY, message=f"stopped by {by}")
