"""An attempt that an agent carries out, and how the agent keeps at what may fail on the way to its server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gpurun_jupyter.agent.pauses import Pauses
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Ended, Grant, Stop
from gpurun_jupyter.core.home import AttemptFolder

log = logging.getLogger("gpurun.agent")


@dataclass
class Held:
    """An attempt that this agent carries out."""

    grant: Grant
    folder: AttemptFolder
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)  # the same, for another who waits
    stop: Stop | None = None
    recording: asyncio.Task[None] | None = None  # in which environment it runs
    end: End | None = None  # its runner is gone

    def ended(self) -> Ended:
        """What is reported of its end."""
        assert self.end is not None
        return Ended(self.grant.run_id, self.grant.attempt, self.end)


async def until_done(
    held: Held, act: Callable[[Grant], Awaitable[None]], longest_pause_s: float, *, unless_stopped: bool = False
) -> None:
    """Do it again and again until it works; `unless_stopped`: or the attempt is to end. Raises GpurunError."""
    pauses = Pauses(longest_pause_s)
    while not (unless_stopped and held.stop is not None):
        try:
            return await act(held.grant)
        except OSError as error:
            log.warning("%s: %s", held.grant.key, error)
        await asyncio.sleep(pauses.next_s())
    return None
