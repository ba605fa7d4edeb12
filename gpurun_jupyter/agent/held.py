"""An attempt that an agent carries out: what it needs is fetched, it is waited for, what fails is tried again."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

import msgspec

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
from gpurun_jupyter.core.units import format_elapsed

log = logging.getLogger("gpurun.agent")


#: A runner has so long to end its attempt, its own graces included, before it is killed itself; in seconds.
STOP_WITHIN_S, KILL_WITHIN_S = 30.0, 10.0
#: What a disk says that takes nothing at the moment.
_TAKES_NOTHING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass
class Held:
    """An attempt that this agent carries out. Lives in an event loop."""

    grant: Grant
    folder: AttemptFolder
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)  # the same, for another who waits
    stop: Stop | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # it has been asked to
    recording: asyncio.Task[None] | None = None  # in which environment it runs
    end: End | None = None  # its runner is gone
    runner: Identity | None = None  # while it is at work on this
    killed: bool = False  # by this agent, because it did not react
    deadlines: list[asyncio.TimerHandle] = field(default_factory=list)  # of the runner's end

    def ended(self) -> Ended:
        """What is reported of its end."""
        assert self.end is not None
        return Ended(self.grant.run_id, self.grant.attempt, self.end)

    def stop_it(self, stop: Stop) -> None:
        """Ask its runner to end it; one that does not is killed."""
        self.stop = stop
        self.stopping.set()
        launching.ask_to_stop(self.folder, stop, self.runner)
        self._expect_end(KILL_WITHIN_S if stop.kill else STOP_WITHIN_S)

    def begun(self, runner: Identity) -> None:
        """This runner is at work on it, and has no more time than it was given."""
        self.runner = runner
        if self.stop is not None:
            self._expect_end(STOP_WITHIN_S)
        if self.grant.spec.timeout_s is not None:
            self._expect_end(self.grant.spec.timeout_s + STOP_WITHIN_S)

    def left(self) -> None:
        """No runner is at work on it any more."""
        self.runner = None
        while self.deadlines:  # a time limit may be days away, and holds all of this
            self.deadlines.pop().cancel()

    def _expect_end(self, within_s: float) -> None:
        """Kill its runner if it is still at work by then: it was stopped, or hangs."""
        self.deadlines.append(asyncio.get_running_loop().call_later(within_s, self._kill_runner))

    def _kill_runner(self) -> None:
        if self.runner is not None and self.runner.alive():
            log.warning("%s: its runner, pid %d, does not react and is killed", self.grant.key, self.runner.pid)
            self.killed = True
            launching.signal_runner(self.runner, signal.SIGKILL)

    def verdict(self) -> End:
        """How it ended, now that its runner is gone: by the runner's word, else by what else is known."""
        end = launching.exit_record(self.folder)
        if end is not None:
            return end
        if not self.killed:
            return launching.without_a_word(self.folder)
        killed = "; its runner did not react, and was killed"
        if self.stop is None:
            limit = format_elapsed(self.grant.spec.timeout_s or 0)
            message = f"It was ended after its time limit of {limit}{killed}."
            return End(outcome=Outcome.TIMED_OUT, reason=Reason.TIMEOUT, message=message)
        message = f"stopped by {self.stop.by}{killed}"
        return End(outcome=Outcome.CANCELLED, reason=Reason.CANCELLED_BY, message=message)


def given_up(error: Exception) -> End:
    """The end of an attempt with which gpurun could not deal: it alone is the worse for it."""
    message = f"gpurun could not deal with what it found of this run ({type(error).__name__}: {error})."
    return End(outcome=Outcome.FAILED, reason=Reason.DAMAGED, message=message)


def undelivered(end: End, error: Exception) -> End:
    """The same end, of which what the attempt left has not all reached the server: that is no success."""
    message = f"{end.message} Not all that it left could be delivered ({error}).".strip()
    if end.outcome is Outcome.SUCCEEDED:
        return End(outcome=Outcome.FAILED, reason=Reason.DAMAGED, exit_code=end.exit_code, message=message)
    return msgspec.structs.replace(end, message=message)


async def until_done(held: Held, act: Callable[[Grant], Awaitable[None]], pauses: Pauses) -> None:
    """Do it again and again until it works. Raises GpurunError, and OSError where a file is to blame: that stays so."""
    while True:
        try:
            return await act(held.grant)
        except OSError as error:
            if error.filename is not None and error.errno not in _TAKES_NOTHING:
                raise
            log.warning("%s: %s", held.grant.key, error)
        await pauses.pause()


async def on_any_disk(held: Held, act: Callable[[Held], Awaitable[None]], pauses: Pauses) -> None:
    """Do it; a disk that takes nothing, so that no runner can be started, is asked again."""
    while True:
        try:
            return await act(held)
        except OSError as error:
            if error.errno not in _TAKES_NOTHING:
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
    while not leaving.done() and not launching.has_left_word(held.folder):
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
