"""An attempt that an agent carries out: what it needs is fetched, it is waited for, what fails is tried again."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from gpurun_jupyter.agent import runner_control
from gpurun_jupyter.agent.backoff import Pauses
from gpurun_jupyter.agent.link import Link, ServerFault
from gpurun_jupyter.agent.processes.marked import gone
from gpurun_jupyter.core.errors import GpurunError, Undelivered
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Ended, Grant, Stop
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.system.processes import Identity
from gpurun_jupyter.core.system.records import UNREADABLE
from gpurun_jupyter.core.units import format_elapsed

log = logging.getLogger("gpurun.agent")

T = TypeVar("T")

#: A runner has so long to end its attempt, its own graces included, before it is killed itself; in seconds.
STOP_WITHIN_S, KILL_WITHIN_S = 30.0, 10.0
#: One that has said how its attempt ended has so long to leave.
LEAVES_WITHIN_S = 30.0
#: What raises so often is not going to work; a server that was reached and failed itself has some ten minutes.
_TRIES, _SERVER_TRIES = 10, 120
#: What a disk says that takes nothing at the moment.
_TAKES_NOTHING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass
class Held:
    """An attempt that this agent carries out. Lives in an event loop."""

    grant: Grant
    folder: AttemptFolder
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)  # the same, for another who waits
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # its code has a question
    stop: Stop | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # it has been asked to
    recording: asyncio.Task[None] | None = None  # in which environment it runs
    end: End | None = None  # its runner is gone
    runner: Identity | None = None  # while it is at work on this
    killed: bool = False  # by this agent, because it did not react
    deadlines: list[asyncio.TimerHandle] = field(default_factory=list)  # of the runner's end, or of the delivery's
    deadline: asyncio.Future[None] | None = None  # done when the delivery has no more time

    def ended(self) -> Ended:
        """What is reported of its end."""
        assert self.end is not None
        return Ended(self.grant.run_id, self.grant.attempt, self.end)

    def hear(self, ring: str) -> None:
        """The bell has rung for its run: its log has grown, or its code has a question."""
        rung = {"log": (self.grown, self.moved), "question": (self.asked,)}
        for event in rung.get(ring, ()):
            event.set()

    def stop_it(self, stop: Stop) -> None:
        """Ask its runner to end it; one that does not is killed."""
        self.stop = stop
        self.stopping.set()
        runner_control.ask_to_stop(self.folder, stop, self.runner)
        self.expect_end(KILL_WITHIN_S if stop.kill else STOP_WITHIN_S)

    def begun(self, runner: Identity) -> None:
        """This runner is at work on it, and has no more time than it was given."""
        self.runner = runner
        if self.stop is not None:  # it was asked for before there was anybody to kill
            self.expect_end(STOP_WITHIN_S)
        if self.grant.spec.timeout_s is not None:
            # the runner keeps the limit itself, unless it hangs
            self.expect_end(self.grant.spec.timeout_s + STOP_WITHIN_S)

    def left(self) -> None:
        """No runner is at work on it any more."""
        self.runner = None
        while self.deadlines:  # a time limit may be days away, and holds all of this
            self.deadlines.pop().cancel()

    def expect_end(self, within_s: float) -> None:
        """Kill its runner if it is still at work by then: it was stopped, or hangs. Break off what is delivered."""
        self.deadlines.append(asyncio.get_running_loop().call_later(within_s, self._out_of_time))

    def _out_of_time(self) -> None:
        if self.deadline is not None and not self.deadline.done():
            self.deadline.set_result(None)
        if self.runner is not None and self.runner.alive():
            log.warning("%s: its runner, pid %d, does not react and is killed", self.grant.key, self.runner.pid)
            self.killed = True
            runner_control.signal_runner(self.runner, signal.SIGKILL)

    def verdict(self) -> End:
        """How it ended, now that its runner is gone: by the runner's word, else by what else is known."""
        end = runner_control.exit_record(self.folder)
        if end is not None:
            return end
        if not self.killed:
            return runner_control.without_a_word(self.folder)
        killed = "; its runner did not react, and was killed"
        if self.stop is None:
            limit = format_elapsed(self.grant.spec.timeout_s or 0)
            message = f"It was ended after its time limit of {limit}{killed}."
            return End(outcome=Outcome.TIMED_OUT, reason=Reason.TIMEOUT, message=message)
        message = f"stopped by {self.stop.by}{killed}"
        return End(outcome=Outcome.CANCELLED, reason=Reason.CANCELLED_BY, message=message)


def given_up(held: Held, error: Exception) -> End:
    """The end of an attempt with which gpurun could not deal: it alone is the worse for it."""
    named = f"{type(error).__name__}: {error}"
    if isinstance(error, (OSError, *UNREADABLE)):
        message = f"gpurun could not deal with what it found of this run ({named})."
        return End(outcome=Outcome.FAILED, reason=Reason.DAMAGED, message=message)
    message = (
        f"The agent failed while it carried out this run ({named}); this is no fault of your code. Run it again. "
        f"Should it fail again, report it with the traceback in {held.folder.home.agent_log} on the machine that it "
        "ran on."
    )
    return End(outcome=Outcome.FAILED, reason=Reason.INTERNAL_ERROR, message=message)


def undelivered(held: Held, end: End, error: Exception) -> End:
    """The same end, of which what the attempt left has not all reached the server: that is no success."""
    message = f"{end.message} Not all that it left has reached the server: {error}".strip()
    if end.outcome is Outcome.SUCCEEDED:
        reason = Reason.UNDELIVERED if isinstance(error, (GpurunError, ServerFault)) else given_up(held, error).reason
        return End(outcome=Outcome.FAILED, reason=reason, exit_code=end.exit_code, message=message)
    return msgspec.structs.replace(end, message=message)


async def delivered(held: Held, link: Link, pauses: Pauses) -> None:
    """Hand over what the attempt left, within the time that a runner has to end it once somebody stops it.

    Raises as `until_done` does, and Undelivered where that time was not enough.
    """
    handing_over = asyncio.ensure_future(until_done(held, link.deliver, pauses))
    held.deadline = asyncio.get_running_loop().create_future()
    try:
        await asyncio.wait({handing_over, held.deadline}, return_when=asyncio.FIRST_COMPLETED)
        if not handing_over.done():
            by = "somebody" if held.stop is None else held.stop.by
            raise Undelivered(f"it was stopped by {by} while that was under way.")
        handing_over.result()
    finally:
        handing_over.cancel()
        held.left()


async def until_done(held: Held, act: Callable[[Grant], Awaitable[None]], pauses: Pauses) -> None:
    """Do it again and again until it works.

    Raises GpurunError, OSError where a file is to blame, as that stays so, and what is raised many times; that the
    server cannot be reached may last for ever.
    """
    faults = server_faults = 0
    while True:
        try:
            return await act(held.grant)
        except GpurunError:
            raise
        except Exception as error:
            # what fails on the way to the server names no file
            if isinstance(error, OSError) and error.filename is not None and error.errno not in _TAKES_NOTHING:
                raise
            faults += not isinstance(error, OSError)
            server_faults += isinstance(error, ServerFault)
            if faults == _TRIES or server_faults == _SERVER_TRIES:
                raise
            log.warning("%s: %s", held.grant.key, error, exc_info=not isinstance(error, OSError))
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
            runner_control.give_up(held.folder, held.grant, _cancelled(held))
    except GpurunError as error:
        failed = End(outcome=Outcome.FAILED, reason=Reason.START_FAILED, message=str(error))
        runner_control.give_up(held.folder, held.grant, failed)


async def broken_off(held: Held, why: End, look_s: float) -> None:
    """Have its runner end it for this reason. One that does not react is killed; a session goes on."""
    runner = held.runner or runner_control.living_runner(held.folder)
    if runner is None or runner_control.has_left_word(held.folder):
        return
    held.runner = runner  # to be killed it has to be known
    held.stop_it(Stop(held.grant.run_id, held.grant.attempt, by="gpurun", fault=why.message))
    await over_in_session(held, runner, look_s)
    held.left()


async def left_or_killed(held: Held, leaving: Coroutine[Any, Any, T], look_s: float) -> T:
    """Wait until its runner has left it; one that has said how it ended, and does not leave, is killed."""
    left = asyncio.ensure_future(leaving)
    while not left.done() and runner_control.exit_record(held.folder) is None:
        await asyncio.wait({left}, timeout=look_s)
    held.expect_end(LEAVES_WITHIN_S)
    return await left


async def over_in_session(held: Held, holder: Identity, look_s: float) -> None:
    """Wait for the end of an attempt whose session goes on: its holder is gone, or it has left word."""
    leaving = asyncio.create_task(gone(holder))
    while not leaving.done() and not runner_control.has_left_word(held.folder):
        held.moved.clear()  # the record is there before the log's last ring
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
