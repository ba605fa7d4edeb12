"""Carrying out an attempt: its runner is started or adopted, its news passed on, its end waited for and reported."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal

from gpurun_jupyter.agent import runner_control
from gpurun_jupyter.agent.attempts.environment_record import Recorder
from gpurun_jupyter.agent.attempts.held_attempt import (
    Held,
    broken_off,
    delivered,
    fetched,
    given_up,
    left_or_killed,
    on_any_disk,
    over_in_session,
    undelivered,
)
from gpurun_jupyter.agent.attempts.questions import answer_questions
from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.agent.backoff import Pauses
from gpurun_jupyter.agent.devices.inventory import Devices
from gpurun_jupyter.agent.link import Link
from gpurun_jupyter.agent.processes.marked import gone
from gpurun_jupyter.agent.processes.orphans import end_left_of
from gpurun_jupyter.agent.runner.reasons import encodable
from gpurun_jupyter.agent.warm.spares import Starter
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.events import End

log = logging.getLogger("gpurun.agent")

#: Progress reaches the database for the first time so soon: a short run has ended by then, and is written down in one
#: stroke.
FIRST_ADVANCE_S = 0.1
#: The end of an attempt waits so long until it is written down in which environment it ran, where that is not known.
RECORDING_S = 5.0
#: So often it is looked whether an attempt is over, should nobody say so.
LOOK_S = 2.0


class CarryingOut:
    """What an agent does for each of its attempts. Lives in an event loop."""

    def __init__(self, link: Link, devices: Devices, starter: Starter, recorder: Recorder) -> None:
        self._link = link
        self._devices = devices
        self._starter = starter
        self._recorder = recorder

    async def to_the_end(self, held: Held) -> None:
        """Carry out an attempt, and say how it ended. Whatever goes wrong, it alone is the worse for it.

        An agent may be killed at any moment, and the next one takes up what it finds: so does this one after a fault.
        """
        end = await self._tried(held) or await self._taken_up(held)
        held.left()
        end.message = encodable(end.message)  # one that cannot be reported would hold up all reports
        held.end = end

    async def _tried(self, held: Held) -> End | None:
        """How it ended; None after a fault, of which nothing is kept: the socket of a runner, for one, is closed."""
        try:
            return await self._carried_out(held)
        except Exception:
            log.exception("%s is taken up again", held.grant.key)
            return None

    async def _taken_up(self, held: Held) -> End:
        await self._pauses().pause()
        try:
            return await self._carried_out(held)
        except Exception as error:
            log.exception("%s is given up", held.grant.key)
            end = given_up(held, error)
        try:
            await self._break_off(held, end)
        except Exception:
            log.exception("%s: what it started may be left", held.grant.key)
        return end

    async def _break_off(self, held: Held, why: End) -> None:
        """Have its runner end it; where that fails, too, kill it."""
        try:
            await broken_off(held, why, LOOK_S)
        except Exception:
            log.exception("%s is killed", held.grant.key)
            runner_control.signal_runner(held.runner or runner_control.living_runner(held.folder), signal.SIGKILL)
            held.killed = True
        if held.killed or runner_control.exit_record(held.folder) is None:
            await end_left_of(held.folder, held.grant.key)

    async def _carried_out(self, held: Held) -> End:
        # what is alive outside this container never goes, and is not waited for
        ended = self._devices.ended_on(held.grant.devices)
        beside = [in_background(self._pass_on(held)), in_background(answer_questions(held, self._link))]
        try:
            await on_any_disk(held, self._until_over, self._pauses())
        finally:
            for task in beside:
                task.cancel()
            with contextlib.suppress(OSError):
                held.folder.secrets.unlink()  # should no runner have taken them
        # a runner that leaves its record has ended all it started
        if held.killed or runner_control.exit_record(held.folder) is None:
            await end_left_of(held.folder, held.grant.key)
        if held.grant.session is None:  # whose later cells may read what an earlier one opened
            await asyncio.to_thread(shutil.rmtree, held.folder.data, ignore_errors=True)
        await self._devices.freed(held.grant.devices, ended)  # before the end is told: others get the devices then
        end = held.verdict()
        if held.recording is not None and self._link.takes_copies:
            await asyncio.wait([held.recording], timeout=RECORDING_S)
        return await self._delivered(held, end)

    async def _until_over(self, held: Held) -> None:
        """Start the attempt's runner, or adopt it, and wait until it is gone."""
        identity = runner_control.living_runner(held.folder)
        if identity is None and runner_control.may_start(held.folder, held.grant):
            await fetched(held, self._link)
        again = True
        while again and identity is None and runner_control.may_start(held.folder, held.grant):
            log.info("starting %s", held.grant.key)
            child = await self._starter.start(held.folder, held.grant)
            held.recording = self._recorder.record(held.folder, held.grant)
            await self._over(held, child)
            again = child.waited  # it may have ended just as it got its attempt
            identity = runner_control.living_runner(held.folder)  # of an earlier agent: it had the lock before ours
        if identity is not None and not runner_control.has_left_word(held.folder):
            log.info("adopted %s, pid %d", held.grant.key, identity.pid)
            held.grown.set()  # while nobody looked
            await self._over(held, runner_control.Child(None, identity))

    async def _over(self, held: Held, child: runner_control.Child) -> None:
        """Wait until the attempt is over: its runner is gone, or goes on to wait for another."""
        held.begun(child.identity)
        if child.channel is not None:
            if await left_or_killed(held, child.over(), LOOK_S):
                held.left()
                self._starter.take_back(child)
                return
            child.channel.close()
        if held.grant.session is None:
            await left_or_killed(held, gone(child.identity), LOOK_S)
        else:
            await over_in_session(held, child.identity, LOOK_S)
        held.left()
        child.reap()

    async def _pass_on(self, held: Held) -> None:
        """Say that the log has grown, again and again."""
        pause_s, pauses, failed = min(FIRST_ADVANCE_S, self._link.pace_s), self._pauses(), False
        while True:
            await self._link.hurry.wait(pause_s)
            await held.grown.wait()
            held.grown.clear()  # before it is read: what it grows by meanwhile counts
            try:
                await self._link.advance(held.grant)
                pauses.over()
                pause_s = self._link.pace_s
            except Exception as error:
                if not isinstance(error, OSError) and not failed:
                    failed = True
                    log.exception("%s: its log could not be passed on; its end will tell", held.grant.key)
                held.grown.set()
                pause_s = pauses.next_s()

    async def _delivered(self, held: Held, end: End) -> End:
        """Hand over what it left; how it ended, with what became of that."""
        try:
            await delivered(held, self._link, self._pauses())
        except Exception as error:
            fault = not isinstance(error, GpurunError)
            log.warning("%s: not all that it left is delivered: %s", held.grant.key, error, exc_info=fault)
            return undelivered(held, end, error)
        return end

    def _pauses(self) -> Pauses:
        return Pauses(self._link.longest_pause_s, self._link.hurry)
