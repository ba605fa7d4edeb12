"""Ending an attempt before its own end: interrupt, grace, terminate, grace, kill. The agent or the clock asks."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.agent.processes.descendants import signal_all
from gpurun_jupyter.agent.processes.marked import kill_started_here, started_here
from gpurun_jupyter.agent.runner.execution import Execution
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Grant, Stop
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.system.records import read_record
from gpurun_jupyter.core.units import format_elapsed

#: Seconds between an interrupt and a termination, and between a termination and a kill.
GRACE_S = (10.0, 5.0)
#: An execution has so long to notice that all of it was killed, seconds; then it is left.
_NOTICES_S = 10.0
#: What ends an execution is tried so often, should it fail itself.
_TRIES = 2


class Stopping:
    """Whether, why and how hard the attempt is to be ended. A SIGTERM means: read stop.json again."""

    def __init__(self, folder: AttemptFolder, grant: Grant) -> None:
        self._folder = folder
        self._grant = grant
        self._stop: Stop | None = None
        self._timed_out = False
        self._asked = asyncio.Event()
        self._kill = asyncio.Event()

    def __enter__(self) -> Stopping:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._read_stop)
        _let_terminations_through()  # not before there is a handler
        if self._folder.stop.exists():  # of a time when no signal could be sent yet
            self._read_stop()
        return self

    def __exit__(self, *_: object) -> None:
        hold_terminations_back()  # between the two handlers is the default, which ends this process
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, _too_late)
        _let_terminations_through()

    async def ended(self, execution: Execution) -> End:
        """Carry it out, and end it when that is asked for or its time is over; how it ended, or what it raised.

        Raises RuntimeError where it goes on whatever is done.
        """
        running, clock = asyncio.ensure_future(execution.run()), in_background(self._watch_clock())
        try:
            for _ in range(_TRIES):
                ending = in_background(self._end_when_asked(execution))
                await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
                ending.cancel()
                await asyncio.wait({running}, timeout=_NOTICES_S if self._kill.is_set() else 0)
                if running.done():
                    return running.result()
            return await _left(execution, running)
        finally:
            clock.cancel()
            running.cancel()

    def give_up(self) -> None:
        """End the execution for a reason that is told elsewhere."""
        self._asked.set()

    def verdict(self, end: End) -> End:
        """How the attempt ended, given how its execution did: who was asked to stop did not fail by itself."""
        if self._timed_out:
            limit = format_elapsed(self._grant.spec.timeout_s or 0)
            message = f"It was ended after its time limit of {limit}."
            return End(outcome=Outcome.TIMED_OUT, reason=Reason.TIMEOUT, exit_code=end.exit_code, message=message)
        if self._stop is not None and self._stop.fault:
            return End(outcome=Outcome.FAILED, reason=Reason.INTERNAL_ERROR, message=self._stop.fault)
        if self._stop is not None:
            message = f"stopped by {self._stop.by}"
            return End(
                outcome=Outcome.CANCELLED,
                reason=Reason.CANCELLED_BY,
                exit_code=end.exit_code,
                message=message,
            )
        return end

    def _read_stop(self) -> None:
        unsaid = Stop(self._grant.run_id, self._grant.attempt, by="SIGTERM")
        self._stop = read_record(self._folder.stop, Stop) or unsaid
        self._asked.set()
        if self._stop.kill:
            self._kill.set()

    async def _watch_clock(self) -> None:
        if self._grant.spec.timeout_s is not None:
            await asyncio.sleep(self._grant.spec.timeout_s)
            self._timed_out = self._stop is None  # who was stopped before did not run out of time
            self._asked.set()

    async def _end_when_asked(self, execution: Execution) -> None:
        await self._asked.wait()
        if not self._kill.is_set():
            await self._interrupt(execution)
        if not self._kill.is_set():
            signal_all(started_here(self._grant.key, self._folder.path), signal.SIGTERM)
            await self._grace(GRACE_S[1])
        self._kill.set()  # no other try is any gentler
        execution.kill()
        kill_started_here(self._grant.key, self._folder.path)

    async def _interrupt(self, execution: Execution) -> None:
        """The grace begins at once: what cannot be interrupted yet may never be."""
        interrupting = in_background(execution.interrupt())
        try:
            await self._grace(GRACE_S[0])
        finally:
            interrupting.cancel()

    async def _grace(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._kill.wait(), seconds)


async def _left(execution: Execution, running: asyncio.Future[End]) -> End:
    """The end of an execution that does not notice that it was killed, or could not be: so that its run has one."""
    execution.kill()
    await asyncio.wait({running}, timeout=_NOTICES_S)
    running.cancel()
    await asyncio.wait({running}, timeout=_NOTICES_S)
    if running.done() and not running.cancelled():
        return running.result()
    raise RuntimeError("what the run started does not end")


def hold_terminations_back() -> None:
    """SIGTERM waits until a `Stopping` can deal with it. By default it would end the runner without an exit record.

    No process may be started meanwhile: it would inherit this.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def forget_terminations() -> None:
    """A SIGTERM that came when its attempt had just ended is not meant for the next one."""
    hold_terminations_back()
    while signal.SIGTERM in signal.sigpending():
        signal.sigwait({signal.SIGTERM})


def _let_terminations_through() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _too_late(*_: object) -> None:
    """The end is being written: a second cancel must not break that off."""
