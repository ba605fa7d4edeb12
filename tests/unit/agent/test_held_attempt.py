"""Bringing what an attempt needs: it ends when the attempt is asked to, and a refusal is the attempt's end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
from grants import GRANT

from gpurun_jupyter.agent import runner_control
from gpurun_jupyter.agent.attempts.held_attempt import Held, delivered, fetched, given_up, undelivered, until_done
from gpurun_jupyter.agent.backoff import Hurry, Pauses
from gpurun_jupyter.agent.link import Link, ServerFault
from gpurun_jupyter.core.errors import FileMissing, Undelivered
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Grant, Stop
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason


class PlayedLink:
    """A link whose `fetch` and `deliver` do as they are told."""

    longest_pause_s = 0.01

    def __init__(self, act: Callable[[Grant], Awaitable[None]]) -> None:
        self.fetch = self.deliver = act
        self.hurry = Hurry()


def end_of(folder: Path, fetch: Callable[[Grant], Awaitable[None]], *, stopped: bool) -> End:
    async def go() -> End:
        held = Held(GRANT, Home(folder).attempt("r", 1))
        fetching = asyncio.create_task(fetched(held, cast(Link, PlayedLink(fetch))))
        await asyncio.sleep(0)
        if stopped:
            held.stop = Stop("r", 1, by="anna")
            held.stopping.set()
        await asyncio.wait_for(fetching, 5)
        end = runner_control.exit_record(held.folder)
        assert end is not None
        return end

    return asyncio.run(go())


async def _for_ever(_: Grant) -> None:
    await asyncio.Event().wait()


async def _no_way(_: Grant) -> None:
    raise ConnectionError("cut")


async def _gone(_: Grant) -> None:
    raise FileMissing("The blob is gone.")


def test_a_stop_breaks_off_what_takes_long(tmp_path: Path) -> None:
    end = end_of(tmp_path, _for_ever, stopped=True)
    assert (end.outcome, end.reason, end.message) == (Outcome.CANCELLED, Reason.CANCELLED_BY, "stopped by anna")


def test_a_stop_breaks_off_tries(tmp_path: Path) -> None:
    assert end_of(tmp_path, _no_way, stopped=True).outcome is Outcome.CANCELLED


def test_what_is_not_to_be_had_is_a_failure(tmp_path: Path) -> None:
    end = end_of(tmp_path, _gone, stopped=False)
    assert (end.outcome, end.reason, end.message) == (Outcome.FAILED, Reason.START_FAILED, "The blob is gone.")


def tries(error: Exception) -> int:
    """How often it is tried to do what always raises this, before that is raised."""
    count = 0

    async def always(_: Grant) -> None:
        nonlocal count
        count += 1
        raise error

    async def go() -> None:
        held = Held(GRANT, Home(Path("/nowhere")).attempt("r", 1))
        with contextlib.suppress(type(error), asyncio.TimeoutError):
            await asyncio.wait_for(until_done(held, always, Pauses(0.001, Hurry())), 5)

    asyncio.run(go())
    return count


def test_what_fails_by_itself_is_tried_some_times_and_a_server_that_is_away_for_ever() -> None:
    assert tries(FileMissing("gone")) == 1
    assert tries(PermissionError(13, "no", "a file")) == 1
    assert tries(RuntimeError("ours")) == 10
    assert tries(ServerFault("the server's")) == 120
    assert tries(ConnectionError("away")) > 200


def test_who_is_to_blame_is_told() -> None:
    held = Held(GRANT, Home(Path("/state")).attempt("r", 1))
    assert given_up(held, OSError("bad")).reason is Reason.DAMAGED
    fault = given_up(held, RuntimeError("ours"))
    assert (fault.reason, "/state/agent.log" in fault.message) == (Reason.INTERNAL_ERROR, True)
    success = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)
    assert undelivered(held, success, RuntimeError("ours")).reason is Reason.INTERNAL_ERROR
    assert undelivered(held, success, FileMissing("gone")).reason is Reason.UNDELIVERED
    assert undelivered(held, success, ServerFault("stuck")).reason is Reason.UNDELIVERED
    failed = End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, message="ValueError: x")
    told = undelivered(held, failed, Undelivered("a.txt: it changes."))
    assert (told.reason, told.message) == (
        Reason.EXCEPTION,
        "ValueError: x Not all that it left has reached the server: a.txt: it changes.",
    )


def delivery_of(folder: Path, deliver: Callable[[Grant], Awaitable[None]], stops: list[Stop | None]) -> Held:
    """One that is stopped so while it is under way, each time after it has gone on for a while."""

    async def go() -> Held:
        held = Held(GRANT, Home(folder).attempt("r", 1), stop=Stop("r", 1, by="anna"))  # its runner was stopped
        handing_over = asyncio.create_task(delivered(held, cast(Link, PlayedLink(deliver)), Pauses(0.001, Hurry())))
        for stop in stops:
            await asyncio.sleep(0.05)
            assert not handing_over.done()
            if stop is not None:
                held.stop_it(stop)
        await asyncio.wait_for(handing_over, 5)
        return held

    return asyncio.run(go())


@pytest.mark.parametrize("deliver", [_for_ever, _no_way])
@pytest.mark.parametrize("kill", [True, False])
def test_a_stop_gives_a_delivery_as_long_as_a_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deliver: Callable[[Grant], Awaitable[None]], kill: bool
) -> None:
    monkeypatch.setattr("gpurun_jupyter.agent.attempts.held_attempt.KILL_WITHIN_S", 0.2 if kill else 60.0)
    monkeypatch.setattr("gpurun_jupyter.agent.attempts.held_attempt.STOP_WITHIN_S", 60.0 if kill else 0.2)
    with pytest.raises(Undelivered, match="it was stopped by bert while that was under way"):
        delivery_of(tmp_path, deliver, [None, Stop("r", 1, by="bert", kill=kill)])


def test_what_arrives_in_time_is_there(tmp_path: Path) -> None:
    held = delivery_of(tmp_path, lambda _: asyncio.sleep(0.3), [Stop("r", 1, by="bert", kill=True)])
    assert held.deadlines == []
