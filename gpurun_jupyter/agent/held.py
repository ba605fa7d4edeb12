"""An attempt that an agent carries out: what it needs is fetched, it is waited for, what fails is tried again."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

from gpurun_jupyter.agent import launching
from gpurun_jupyter.agent.link import Link
from gpurun_jupyter.agent.pauses import Pauses
from gpurun_jupyter.agent.processes import gone
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Ended, Grant, Stop
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.processes import Identity

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


async def on_any_disk(held: Held, act: Callable[[Held], Awaitable[None]], pauses: Pauses) -> None:
    """Do it; a disk that takes nothing, so that no runner can be started, is asked again."""
    while True:
        try:
            return await act(held)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise
            log.warning("%s cannot begin: %s", held.grant.key, error)
        await pauses.pause()


async def fetched(held: Held, link: Link) -> None:
    """Everything that the attempt needs; where that is not to be had, or it is stopped, it is over before it began."""
    try:
        if not await _unless_stopped(held, until_done(held, link.fetch, Pauses(link.longest_pause_s, link.hurry))):
            launching.give_up(held.folder, held.grant, _cancelled(held))
    except GpurunError as error:
        failed = End(outcome=Outcome.FAILED, reason=Reason.START_FAILED, message=str(error))
        launching.give_up(held.folder, held.grant, failed)


async def over_in_session(held: Held, holder: Identity, look_s: float) -> None:
    """Wait for the end of an attempt whose session goes on: its holder is gone, or it has left word."""
    leaving = asyncio.create_task(gone(holder))
    while not leaving.done() and not held.folder.exit.exists():
        held.moved.clear()
        moved = asyncio.create_task(held.moved.wait())
        await asyncio.wait({leaving, moved}, timeout=look_s, return_when=asyncio.FIRST_COMPLETED)
        moved.cancel()
    leaving.cancel()


async def _unless_stopped(held: Held, doing: Coroutine[None, None, None]) -> bool:
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


def _cancelled(held: Held) -> End:
    """How an attempt ends that was stopped before it began."""
    by = "somebody" if held.stop is None else held.stop.by
    return End(outcome=Outcome.CANCELLED, reason=Reason.CANCELLED_BY, message=f"stopped by {by}")
