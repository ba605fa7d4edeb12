"""People share devices over time: who had them of late waits for who had not, and what was long ago is forgotten."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placements import offer, slot
from unit.queue.queue_world import COMPLETED, FAILED, TAKEN, PlayedAgent, World, a_world

from gpurun_jupyter.core.grants import SessionState
from gpurun_server.queue.agents.claims import claim
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.ledger.recent_use import lately
from gpurun_server.queue.ledger.sessions import all_sessions
from gpurun_server.queue.lifecycle.ending import end_attempt
from gpurun_server.queue.listing import newest
from gpurun_server.queue.placement.offers import Holder, Wanted
from gpurun_server.queue.placement.plan import plan
from gpurun_server.queue.placement.shares import HALF_LIFE_S, Future, GoingOn, faded, had
from gpurun_server.queue.placement.waiting import outlooks

RUN_S = 600.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def carry_out(world: World, agent: PlayedAgent, for_s: float = RUN_S) -> str:
    """Start the run whose turn it is, and end it after a while; returns its id."""
    runner = world.start(agent)
    world.clock.advance(for_s)
    world.report(agent)  # it has been there all the time
    runner.end(COMPLETED)
    world.tell_end(agent, runner)
    return runner.grant.run_id


def share_of(world: World, owner: str, *, cpu: bool = True, ledger: Ledger | None = None) -> float:
    ledger = ledger or Ledger()
    with world.database.read() as conn:
        sessions = all_sessions(conn, ledger)
        return lately(conn, ledger, sessions, "anna", "ben")(cpu).get(owner, 0.0)


def told(world: World, owner: str) -> list[str]:
    """The ids of the queued runs of all, in the order of their places."""
    places = {}
    with world.database.read() as conn:
        for name in ("anna", "ben", "carl"):
            for run in newest(conn, Ledger(), name, 100):
                if run.waiting:
                    places[run.waiting.position] = run.id
    return [places[position] for position in sorted(places)]


def test_two_people_alternate_on_one_slot(world: World) -> None:
    agent = world.add_agent("lab", slots=1)
    of_anna = [world.submit("anna", gpu=0) for _ in range(5)]
    of_ben = [world.submit("ben", gpu=0) for _ in range(3)]
    begun = [carry_out(world, agent) for _ in range(8)]
    pairs = zip(of_anna, of_ben, strict=False)
    assert begun == [run_id for pair in pairs for run_id in pair] + of_anna[3:]


def test_time_counts_and_not_the_number_of_runs(world: World) -> None:
    agent = world.add_agent("lab", slots=1)
    long = [world.submit("anna", gpu=0) for _ in range(2)]
    assert carry_out(world, agent, for_s=500.0) == long[0]
    short = [world.submit("ben", gpu=0) for _ in range(5)]
    assert [carry_out(world, agent, for_s=90.0) for _ in short] == short
    assert carry_out(world, agent) == long[1]


def test_what_was_long_ago_is_forgotten(world: World) -> None:
    agent = world.add_agent("lab", slots=1)
    world.submit("anna", gpu=0)
    carry_out(world, agent, for_s=HALF_LIFE_S)
    assert share_of(world, "anna") == pytest.approx(0.5)
    world.clock.advance(3 * HALF_LIFE_S)
    assert share_of(world, "anna") == pytest.approx(0.5 / 8)
    world.clock.advance(40 * HALF_LIFE_S)
    first = world.submit("anna", gpu=0)
    world.submit("ben", gpu=0)
    assert carry_out(world, agent) == first


def test_gpus_and_cpu_slots_are_counted_apart(world: World) -> None:
    agent = world.add_agent("lab", gpus=2, slots=1)
    world.submit("anna", gpu=2)
    carry_out(world, agent, for_s=HALF_LIFE_S)
    assert share_of(world, "anna", cpu=False) == pytest.approx(1.0)
    assert share_of(world, "anna", cpu=True) == 0.0
    world.submit("anna", gpu=1, gpu_mem="10G")
    carry_out(world, agent, for_s=HALF_LIFE_S)
    assert share_of(world, "anna", cpu=False) == pytest.approx(0.5 + 0.25 / 2)


def test_what_goes_on_counts_as_it_will_when_it_has_ended(world: World) -> None:
    agent = world.add_agent("lab", slots=1)
    world.submit("anna", gpu=0)
    runner = world.start(agent)
    world.clock.advance(1000.0)
    ledger = world.ledgers[False]
    before = share_of(world, "anna", ledger=ledger)
    assert before == pytest.approx(had(1.0, 1000.0))
    runner.end(COMPLETED)
    world.tell_end(agent, runner)
    assert share_of(world, "anna", ledger=ledger) == pytest.approx(before)


def test_every_attempt_counts_once_however_it_ended(world: World) -> None:
    agent = world.add_agent("lab", slots=1)
    run_id = world.submit("anna", gpu=0, retries=1)
    for end in (TAKEN, FAILED, FAILED):
        runner = world.start(agent) if end is not TAKEN else None
        if runner is None:
            world.report(agent)
            (runner,) = agent.holding.values()
        world.clock.advance(100.0)
        runner.end(end)
        world.tell_end(agent, runner)
        world.change(end_attempt, run_id, runner.grant.attempt, end, "once more")
    assert world.state(run_id) == "finished"
    assert share_of(world, "anna") == pytest.approx(had(1.0, 300.0))


def test_a_session_counts_from_its_begin_to_its_end_and_its_runs_do_not(world: World) -> None:
    agent = world.add_agent("lab", slots=1)
    report = agent.report()
    for seconds in (100.0, 200.0):
        run_id = world.submit("anna", gpu=0, session="s")
        (grant,) = world.change(claim, world.ledgers[False], report).grants
        assert grant.run_id == run_id
        world.clock.advance(seconds)
        world.change(end_attempt, run_id, 1, COMPLETED, "a test")
        report.sessions = [SessionState(owner="anna", name="s", kernel=None, devices=["cpu0"])]
    assert share_of(world, "anna") == pytest.approx(had(1.0, 300.0))
    world.report(agent)  # without the session
    assert share_of(world, "anna") == pytest.approx(had(1.0, 300.0))
    world.clock.advance(HALF_LIFE_S)
    assert share_of(world, "anna") == pytest.approx(had(1.0, 300.0) / 2)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["anna", "ben", "carl"]), min_size=2, max_size=7), st.integers(0, 3))
def test_the_places_that_are_told_are_those_in_which_runs_start(owners: list[str], before: int) -> None:
    with tempfile.TemporaryDirectory() as folder, a_world(Path(folder)) as world:
        agent = world.add_agent("lab", slots=1)
        for owner in owners[:before]:
            world.submit(owner, gpu=0)
            carry_out(world, agent)
        for owner in owners:
            world.submit(owner, gpu=0)
        expected = told(world, "anna")
        for place in range(len(owners)):
            assert told(world, "anna") == expected[place:]
            assert carry_out(world, agent) == expected[place]


def test_who_came_first_and_waits_longer_is_told_whom_for() -> None:
    held = {("lab", "cpu0"): [Holder("h", "training", "anna", left_s=120.0)]}
    queue = [Wanted("a", 0, 0, 1, "anna"), Wanted("b", 0, 0, 2, "ben"), Wanted("c", 0, 0, 3, "anna")]
    held_by = "waits for a CPU slot: cpu0 is held by «training» (about 2 min left)"
    for of_late, first in (({"anna": 0.5}, "b"), ({"ben": 0.9}, "a")):
        lately_of = {True: of_late, False: {}}.__getitem__
        answer = outlooks(queue, [offer("lab", [slot(0)])], held, viewer="anna", lately=lately_of)
        assert min(answer, key=lambda run_id: answer[run_id].position) == first
        assert answer["a"].why == held_by + ("; ben, who has had less of late, goes first" if first == "b" else "")
        assert answer["c"].why == held_by  # he who came before it may go first
        made = plan(queue, [offer("lab", [slot(0)])], {}, lately=lately_of)
        assert [one.run_id for one in made.placements] == [first]


def test_a_run_that_cannot_start_yet_or_wants_another_machine_goes_before_nobody() -> None:
    held = {("lab", "cpu0"): [Holder("h", "", "anna")]}
    later = [Wanted("b", 0, 0, 2, "ben", after=("prep",)), Wanted("d", 0, 0, 3, "ben", on="zoo")]
    offers = [offer("lab", [slot(0)]), offer("zoo", [slot(0)])]
    answer = outlooks(
        [Wanted("a", 0, 0, 1, "anna", on="lab"), *later],
        offers,
        held,
        lately={True: {"anna": 1.0}, False: {}}.__getitem__,
    )
    assert "of late" not in answer["a"].why


@given(st.floats(0, 100), st.floats(0, 1e6), st.floats(0, 1e6))
def test_use_adds_up_however_it_is_cut(devices: float, first_s: float, then_s: float) -> None:
    whole = had(devices, first_s + then_s)
    assert whole == pytest.approx(faded(had(devices, first_s), then_s) + had(devices, then_s), abs=1e-9)
    assert 0 <= whole <= devices


def test_a_future_gives_back_what_ends_first() -> None:
    future = Future(0.0, [("anna", 1.0, 60.0), ("ben", 2.0, float("inf"))], {"ben": 0.25})
    future.wait_for()
    assert (future.of("anna").has, future.of("ben").has) == (0.0, 2.0)
    assert future.of("anna").share == pytest.approx(had(1.0, 60.0))
    future.begin(future.of("carl"), 2.0, None)
    assert (future.of("ben").has, future.of("carl").has) == (0.0, 2.0)
    assert future.of("ben").lately > 0.25


_A_RUN = st.tuples(st.floats(0.01, 64), st.floats(0, 1e7), st.booleans())  # devices, since when, whether it ends


@given(st.lists(_A_RUN, min_size=1), st.floats(0, 1e7))
def test_runs_that_go_on_count_the_same_all_at_once_and_each_by_itself(
    runs: list[tuple[float, float, bool]], later_s: float
) -> None:
    all_of_them = GoingOn()
    for number, (devices, since, _) in enumerate(runs):
        all_of_them.add(str(number), devices, since)
    for number, (_, _, ends) in enumerate(runs):
        if ends:
            all_of_them.drop(str(number))
    now = max(since for _, since, _ in runs) + later_s
    each = sum(had(devices, now - since) for devices, since, ends in runs if not ends)
    assert all_of_them.had(now) == pytest.approx(each, abs=1e-9)
    assert bool(all_of_them) == any(not ends for *_, ends in runs)
