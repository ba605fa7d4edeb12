"""Leases: only silence that somebody witnessed counts, and letting go of a run never makes two of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.queue.queue_world import COMPLETED, FAILED, STOPPED, TERMS, THIS_BOOT, World, a_world

from gpurun_jupyter.core.errors import WrongState
from gpurun_server.queue.agents.leases import LOOK_S, Judge, last_reports
from gpurun_server.queue.lifecycle.stopping import cancel


class Watch:
    """A judge, its clock, and one agent."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.judge = Judge(lambda: self.now)
        self.heard = 5.0
        self.look()

    def look(self, after_s: float = 0.0) -> float:
        self.now += after_s
        return self.judge.look({"a": self.heard})["a"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path / "home") as world:
        yield world


def test_silence_is_what_the_judge_has_witnessed() -> None:
    watch = Watch()
    assert [watch.look(LOOK_S) for _ in range(3)] == [LOOK_S, 2 * LOOK_S, 3 * LOOK_S]


def test_a_report_ends_the_silence_whatever_the_clocks_say() -> None:
    watch = Watch()
    watch.look(LOOK_S)
    watch.heard -= 3600  # the wall clock was set back
    assert watch.look(LOOK_S) == 0
    assert watch.look(LOOK_S) == LOOK_S
    watch.heard += 1e9
    assert watch.look(LOOK_S) == 0


@pytest.mark.parametrize("outage_s", [2 * LOOK_S + 1, 3600.0, 1e6])
def test_an_outage_of_the_judge_counts_nothing(outage_s: float) -> None:
    watch = Watch()
    assert watch.look(LOOK_S) == LOOK_S
    assert watch.look(outage_s) == LOOK_S
    assert watch.look(LOOK_S) == 2 * LOOK_S


def test_a_late_look_counts_in_full() -> None:
    assert Watch().look(1.9 * LOOK_S) == 1.9 * LOOK_S


def test_a_new_judge_knows_of_no_silence() -> None:
    judge = Judge(lambda: 0.0)
    assert judge.look({"a": 1.0}) == {"a": 0.0}


def test_an_agent_that_is_no_longer_judged_is_forgotten() -> None:
    watch = Watch()
    watch.look(LOOK_S)
    assert watch.judge.look({}) == {}
    assert watch.look(LOOK_S) == 0


def test_agents_of_this_boot_are_never_judged(world: World) -> None:
    world.add_agent("here", slots=1, local=True)
    world.add_agent("there", slots=1)
    with world.database.read() as conn:
        assert set(last_reports(conn, THIS_BOOT)) == {"there"}
        assert set(last_reports(conn, "the boot after that")) == {"here", "there"}


def test_a_run_of_the_local_agent_is_not_lost_however_silent_it_is(world: World) -> None:
    agent = world.add_agent("here", gpus=1, local=True)
    run_id = world.submit(gpu=1)
    world.start(agent)
    world.pass_s(10 * TERMS.given_up_s)
    assert world.state(run_id) == "running"


def test_a_run_out_of_sight_is_lost_keeps_its_devices_and_is_found_again(world: World) -> None:
    agent = world.add_agent("there", gpus=1)
    run_id, second = world.submit(gpu=1), world.submit(gpu=1)
    runner = world.start(agent)
    world.pass_s(TERMS.lost_s - LOOK_S)
    assert world.state(run_id) == "running"
    world.pass_s(LOOK_S)
    assert world.state(run_id) == "lost"
    orders = world.report(agent)
    assert (orders.grants, orders.stops, world.state(run_id)) == ([], [], "running")
    assert world.messages(run_id) == ["agent there has not been heard for 10 s", "found again"]
    runner.end(COMPLETED)
    world.tell_end(agent, runner)
    assert (world.state(run_id), world.run(run_id).attempt) == ("finished", 1)
    assert world.start(agent).grant.run_id == second


def test_an_outage_of_the_server_loses_nothing(world: World) -> None:
    agent = world.add_agent("there", gpus=1)
    run_id = world.submit(gpu=1)
    world.start(agent)
    world.pass_s(TERMS.lost_s - LOOK_S)
    world.clock.advance(86_400)  # the machine of the server slept
    world.look()
    assert world.state(run_id) == "running"
    world.clock.advance(86_400)  # the server was away
    world.new_judge()
    world.look()
    world.pass_s(TERMS.lost_s - LOOK_S)
    assert world.state(run_id) == "running"


def test_a_jump_of_the_wall_clock_loses_nothing(world: World) -> None:
    agent = world.add_agent("there", gpus=1)
    run_id = world.submit(gpu=1)
    world.start(agent)
    for jump_s in (1e7, -2e7):
        world.clock.wall += jump_s
        world.pass_s(LOOK_S)
        world.report(agent)
    world.pass_s(TERMS.lost_s - LOOK_S)
    assert world.states(run_id) == ["queued", "starting", "running"]


def test_a_run_without_retries_is_given_up_only_after_long(world: World) -> None:
    agent = world.add_agent("there", gpus=1)
    run_id = world.submit(gpu=1)
    world.start(agent)
    world.pass_s(TERMS.given_up_s - LOOK_S)
    assert world.state(run_id) == "lost"
    world.pass_s(LOOK_S)
    run = world.run(run_id)
    assert (run.state, run.outcome, run.reason) == ("finished", "failed", "agent_lost")
    assert "agent there has not been heard for 40 s" in run.message
    assert world.open_attempts() == []


def test_what_was_to_come_after_a_run_that_was_given_up_is_cancelled(world: World) -> None:
    agent = world.add_agent("there", gpus=1)
    first = world.submit(gpu=1)
    second = world.submit(gpu=1, after=[first])
    third = world.submit(gpu=1, after=[second])
    world.start(agent)
    world.pass_s(TERMS.given_up_s)
    assert [world.run(one).reason for one in (first, second, third)] == [
        "agent_lost",
        "predecessor_failed",
        "predecessor_failed",
    ]


def test_each_of_those_in_vain_is_cancelled_once(world: World) -> None:
    world.add_agent("there", slots=1)
    first = world.submit(hold=True)
    chain = [first]
    for _ in range(4):
        chain.append(world.submit(after=chain[-2:]))
    world.change(cancel, first, by="anna")
    assert [world.states(one)[-1] for one in chain] == ["finished"] * 5
    assert {world.run(one).reason for one in chain[1:]} == {"predecessor_failed"}


def test_with_retries_a_second_attempt_runs_elsewhere_and_the_first_is_told_to_stop(world: World) -> None:
    lost, other = world.add_agent("lost", gpus=1), world.add_agent("other", gpus=1)
    run_id = world.submit(gpu=1, retries=1)
    first = world.start(lost)
    world.pass_s(TERMS.retry_s - LOOK_S, reporting=[other])
    assert world.state(run_id) == "lost"
    world.pass_s(LOOK_S)
    assert (world.state(run_id), world.run(run_id).retries_left) == ("queued", 0)
    second = world.start(other)
    assert (second.key, second.grant.token != first.grant.token) == (f"{run_id}/2", True)

    world.pass_s(60, reporting=[other])
    (stop,) = world.report(lost).stops
    assert (stop.run_id, stop.attempt, stop.kill) == (run_id, 1, True)
    assert "this attempt is over" in stop.by
    assert world.report(other).stops == []

    first.end(FAILED)
    world.tell_end(lost, first)  # the late news of the first change nothing
    assert (world.state(run_id), world.run(run_id).attempt) == ("running", 2)
    second.end(COMPLETED)
    world.tell_end(other, second)
    assert world.run(run_id).outcome == "succeeded"
    assert world.states(run_id) == [
        "queued",
        "starting",
        "running",
        "lost",
        "queued",
        "starting",
        "running",
        "finished",
    ]


def test_the_first_attempt_may_find_its_run_waiting_for_the_second(world: World) -> None:
    agent = world.add_agent("there", gpus=2)
    run_id = world.submit(gpu=2, retries=1)
    first = world.start(agent)
    world.pass_s(TERMS.retry_s)
    assert world.state(run_id) == "queued"
    first.end(COMPLETED)
    world.tell_end(agent, first)
    assert world.state(run_id) == "queued"
    assert world.start(agent).grant.attempt == 2


def test_a_run_that_was_to_stop_and_is_given_up_was_cancelled(world: World) -> None:
    agent = world.add_agent("there", gpus=1)
    run_id = world.submit(gpu=1)
    world.start(agent)
    world.change(cancel, run_id, by="anna")
    world.pass_s(TERMS.given_up_s + TERMS.lost_s)
    run = world.run(run_id)
    assert (run.outcome, run.reason) == ("cancelled", "cancelled_by")
    assert run.message.startswith("stopped by anna; then agent there has not been heard for")


@pytest.mark.parametrize("lost_first", [True, False])
def test_who_asked_for_the_end_of_a_run_that_is_lost_gets_it(world: World, lost_first: bool) -> None:
    agent = world.add_agent("there", gpus=1)
    run_id = world.submit(gpu=1, retries=3)
    runner = world.start(agent)
    if lost_first:
        world.pass_s(TERMS.lost_s)
    world.change(cancel, run_id, by="anna")
    world.pass_s(TERMS.retry_s)
    assert world.state(run_id) == "lost"
    world.report(agent)
    assert world.state(run_id) == "stopping"
    assert runner.stop is not None
    runner.end(FAILED)  # not even a failure makes a second attempt of it
    world.tell_end(agent, runner)
    assert (world.state(run_id), world.run(run_id).attempt) == ("finished", 1)


def test_a_lost_run_that_was_asked_to_stop_ends_as_it_did(world: World) -> None:
    agent = world.add_agent("there", gpus=1)
    run_id = world.submit(gpu=1)
    runner = world.start(agent)
    world.change(cancel, run_id, by="anna")
    world.pass_s(TERMS.lost_s)
    runner.end(STOPPED)
    world.tell_end(agent, runner)
    assert world.run(run_id).outcome == "cancelled"
    with pytest.raises(WrongState):
        world.change(cancel, run_id, by="anna")


def test_a_machine_that_was_started_anew_is_granted_what_was_its_own(world: World) -> None:
    agent = world.add_agent("there", gpus=1)
    run_id = world.submit(gpu=1)
    runner = world.start(agent)
    world.pass_s(TERMS.lost_s)
    agent.holding.clear()
    runner.die()
    assert [grant.key for grant in world.report(agent).grants] == [f"{run_id}/1"]
    world.tell_end(agent, runner)
    assert world.run(run_id).reason == "runner_killed"
