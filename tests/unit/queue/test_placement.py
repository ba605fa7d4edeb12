from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from placements import GIB, after_round, check, gpu, holding, offer, situations, slot, started

from gpurun_jupyter.core.devices import Agent, Device, DeviceProcess
from gpurun_server.queue.placement.offers import Held, Holder, Offer, Shape, Wanted, capable
from gpurun_server.queue.placement.plan import has_room, plan


@given(situations())
def test_devices_go_to_whom_they_suit_and_are_never_overbooked(given_: tuple[list[Wanted], list[Offer], Held]) -> None:
    queue, offers, held = given_
    check(plan(queue, offers, held), queue, offers, held)


@given(situations(), st.randoms(use_true_random=False))
def test_claims_one_after_another_are_never_overbooked(
    given_: tuple[list[Wanted], list[Offer], Held], pick: random.Random
) -> None:
    queue, offers, held = given_
    for claimer in pick.sample(offers, len(offers)):
        made = plan(queue, offers, held, claimer=claimer.agent.id)
        assert {one.agent_id for one in made.placements} <= {claimer.agent.id}
        assert has_room(claimer, held) or not made.placements
        claimer.agent.health = "healthy"  # it has just been heard
        check(made, queue, offers, held)
        held = after_round(held, made, queue)
        queue = [wanted for wanted in queue if wanted.run_id not in started(made)]


@given(situations())
def test_nobody_starts_where_somebody_before_him_could(given_: tuple[list[Wanted], list[Offer], Held]) -> None:
    queue, offers, held = given_
    made = plan(queue, offers, held)
    now = after_round(held, made, queue)
    wants = {wanted.run_id: wanted for wanted in queue}
    there = {one.agent.id: one for one in offers}
    for one in made.placements:
        late = wants[one.run_id]
        for first in queue:
            before = (-first.priority, first.seq) < (-late.priority, late.seq)
            surely_before = first.priority > late.priority or (before and first.owner == late.owner)
            if surely_before and first.run_id not in started(made) and not first.after and late.limit_s is None:
                assert not could_have(first, late, one.devices, there[one.agent_id], now)


def could_have(first: Wanted, late: Wanted, devices: Sequence[Device], where: Offer, now: Held) -> bool:
    """Whether `first` fits exactly where `late` started, were `late` not there."""
    narrow = Offer(Agent(where.agent.id, where.agent.host, "", "healthy", 0.0, list(devices)), where.labels)
    rest = {
        key: [holder for holder in holders if holder.run_id != late.run_id]
        for key, holders in now.items()
        if key[0] == where.agent.id
    }
    return first.shape.size == len(devices) and bool(plan([first], [narrow], rest).placements)


@given(situations(), st.randoms(use_true_random=False))
def test_the_order_of_what_it_is_told_does_not_matter(
    given_: tuple[list[Wanted], list[Offer], Held], pick: random.Random
) -> None:
    queue, offers, held = given_
    shuffled = dict(pick.sample(list(held.items()), len(held)))
    other = plan(pick.sample(queue, len(queue)), pick.sample(offers, len(offers)), shuffled)
    assert other == plan(queue, offers, held)


@given(situations())
def test_what_nobody_keeps_devices_for_is_used(given_: tuple[list[Wanted], list[Offer], Held]) -> None:
    """A run waits only if it does not fit into what is left but for the devices that are kept."""
    queue, offers, held = given_
    made = plan(queue, offers, held)
    now = after_round(held, made, queue)
    for one in made.reservations:
        now |= {(one.agent_id, device): [Holder("kept")] for device in one.devices}
    waiting = [wanted for wanted in queue if wanted.run_id not in started(made)]
    assert plan(waiting, offers, now).placements == ()


def test_priority_goes_before_fair_share_and_fair_share_before_age() -> None:
    queue = [
        Wanted("old", 1, 0, 1, "anna"),
        Wanted("fair", 1, 0, 2, "ben"),
        Wanted("urgent", 1, 5, 3, "anna"),
    ]
    offers = [offer("lab", 3)]
    held = holding(["GPU-lab-0"], owner="anna")
    assert list(started(plan(queue, offers, held))) == ["urgent", "fair"]


def test_of_an_owner_the_oldest_goes_first_however_the_queue_is_told() -> None:
    queue = [Wanted(f"r{seq}", 1, 0, seq) for seq in (3, 1, 4, 0, 2)]
    assert list(started(plan(queue, [offer("lab", 3)], {}))) == ["r0", "r1", "r2"]


def test_a_shared_device_counts_in_part_for_its_owner() -> None:
    queue = [Wanted("anna1", 1, 0, 2, "anna"), Wanted("ben1", 1, 0, 1, "ben")]
    held = {
        ("lab", "GPU-lab-0"): [Holder(f"h{n}", "", "anna", 10 * GIB) for n in range(3)],
        ("lab", "GPU-lab-1"): [Holder("h", "", "ben")],
    }
    assert list(started(plan(queue, [offer("lab", 3)], held))) == ["anna1"]


def test_sharers_are_packed_and_a_run_without_declared_memory_is_alone() -> None:
    queue = [
        Wanted("s1", 1, 0, 1, memory_bytes=10 * GIB),
        Wanted("s2", 1, 0, 2, memory_bytes=30 * GIB),
        Wanted("s3", 1, 0, 3, memory_bytes=10 * GIB),
        Wanted("alone", 1, 0, 4),
        Wanted("s4", 1, 0, 5, memory_bytes=5 * GIB),
    ]
    offers = [offer("a", 1), offer("b", 2)]
    assert started(plan(queue, offers, {})) == {
        "s1": ["GPU-a-0"],
        "s2": ["GPU-a-0"],
        "s3": ["GPU-b-0"],
        "alone": ["GPU-b-1"],
        "s4": ["GPU-b-0"],
    }


def test_the_fullest_device_that_has_the_memory_is_taken() -> None:
    held = {
        ("lab", "GPU-lab-0"): [Holder("h0", memory_bytes=10 * GIB)],
        ("lab", "GPU-lab-1"): [Holder("h1", memory_bytes=25 * GIB)],
        ("lab", "GPU-lab-2"): [Holder("h2", memory_bytes=35 * GIB)],
    }
    queue = [Wanted("r", 1, 0, 1, memory_bytes=10 * GIB), Wanted("two", 2, 0, 2, memory_bytes=5 * GIB)]
    assert started(plan(queue, [offer("lab", 4)], held)) == {"r": ["GPU-lab-1"], "two": ["GPU-lab-1", "GPU-lab-2"]}


def test_a_small_run_goes_where_it_leaves_the_most_to_a_big_one() -> None:
    queue = [Wanted("small", 1, 0, 1), Wanted("big", 4, 0, 2)]
    placed = started(plan(queue, [offer("a", 4), offer("b", 2)], {}))
    assert placed == {"small": ["GPU-b-0"], "big": [f"GPU-a-{index}" for index in range(4)]}


def test_the_agent_that_claims_takes_what_it_can_start() -> None:
    queue = [Wanted("first", 1, 0, 1), Wanted("second", 2, 0, 2)]
    offers = [offer("a", 4), offer("b", 1)]
    assert started(plan(queue, offers, {}, claimer="a")) == {
        "first": ["GPU-a-0"],
        "second": ["GPU-a-1", "GPU-a-2"],
    }


def test_what_can_start_elsewhere_keeps_nothing_of_the_agent_that_claims() -> None:
    queue = [Wanted("big", 2, 0, 1), Wanted("small", 1, 0, 2)]
    offers = [offer("a", 1), offer("b", 2)]
    assert started(plan(queue, offers, {}, claimer="a")) == {"small": ["GPU-a-0"]}
    silent = [offers[0], offer("b", 2, claiming=False)]
    assert started(plan(queue, silent, {}, claimer="a")) == {"small": ["GPU-a-0"]}


@pytest.mark.parametrize("pin", ["GPU-lab-1", "lab:1", "lab:gpu1"])
def test_a_pinned_run_gets_its_device_or_waits_for_it(pin: str) -> None:
    queue = [Wanted("pinned", 1, 0, 1, pin=pin), Wanted("other", 1, 0, 2)]
    offers = [offer("lab", 2), offer("zoo", 2)]
    assert started(plan(queue, offers, {}))["pinned"] == ["GPU-lab-1"]
    made = plan(queue, offers, holding(["GPU-lab-1"]))
    assert list(started(made)) == ["other"]
    assert made.reservations[0].devices == ("GPU-lab-1",)


@pytest.mark.parametrize(("on", "host"), [("b", "b"), ("fast", "a"), ("agents", "a"), ("ray", None)])
def test_a_run_goes_where_it_is_told_to(on: str, host: str | None) -> None:
    offers = [offer("a", 1, labels=frozenset({"fast"})), offer("b", 1)]
    placed = plan([Wanted("r", 1, 0, 1, on=on)], offers, {}).placements
    assert [one.agent_id for one in placed] == ([host] if host else [])


def test_devices_of_others_are_not_used_until_they_leave() -> None:
    busy = gpu(0, processes=[DeviceProcess(pid=1, user="anna")])
    ours = gpu(1, processes=[DeviceProcess(pid=2, ours=True)])
    queue = [Wanted(f"r{n}", 1, 0, n) for n in range(3)]
    there = offer("lab", [busy, ours, gpu(2)], locked=frozenset({"GPU-lab-2"}))
    assert started(plan(queue, [there], {})) == {"r0": ["GPU-lab-1"]}
    assert len(started(plan(queue, [offer("lab", 3)], {}))) == 3


def test_a_run_waits_for_the_runs_before_it_and_holds_nobody_up() -> None:
    queue = [Wanted("later", 2, 9, 1, after=("prep",)), Wanted("now", 2, 0, 2)]
    assert list(started(plan(queue, [offer("lab", 2)], {}))) == ["now"]


def test_what_no_agent_can_serve_holds_nobody_up() -> None:
    queue = [Wanted("huge", 8, 9, 1), Wanted("wide", 1, 9, 2, memory_bytes=99 * GIB), Wanted("r", 2, 0, 3)]
    made = plan(queue, [offer("lab", 2)], {})
    assert list(started(made)) == ["r"]
    assert made.reservations == ()


def test_gpus_and_cpu_slots_do_not_hold_each_other_up() -> None:
    queue = [Wanted("big", 2, 9, 1), *(Wanted(f"cpu{n}", 0, 0, n) for n in range(2, 5))]
    made = plan(queue, [offer("lab", [gpu(0), gpu(1), slot(0), slot(1)])], holding(["GPU-lab-0"]))
    assert started(made) == {"cpu2": ["cpu0"], "cpu3": ["cpu1"]}


def test_devices_are_kept_for_the_first_that_has_to_wait_where_it_starts_first() -> None:
    held = holding(["GPU-a-0"], "a", left_s=500.0) | holding(["GPU-b-1"], "b", left_s=60.0)
    queue = [Wanted("big", 2, 0, 1), Wanted("s1", 1, 0, 2), Wanted("s2", 1, 0, 3)]
    made = plan(queue, [offer("a", 2), offer("b", 2)], held)
    assert started(made) == {"s1": ["GPU-a-1"]}
    kept = made.reservations[0]
    assert (kept.run_id, kept.agent_id, kept.devices, kept.in_s) == ("big", "b", ("GPU-b-0", "GPU-b-1"), 60.0)


def test_runs_of_one_shape_keep_devices_once() -> None:
    queue = [Wanted("b1", 2, 0, 1, limit_s=60.0), Wanted("b2", 2, 0, 2), Wanted("b3", 2, 0, 3), Wanted("s", 1, 0, 4)]
    held = holding(["GPU-a-0"], "a") | holding(["GPU-b-0"], "b")
    made = plan(queue, [offer("a", 2), offer("b", 2)], held)
    assert [one.run_id for one in made.reservations] == ["b1"]
    assert started(made) == {"s": ["GPU-b-1"]}


def test_a_reservation_stays_where_it_was_unless_another_agent_is_clearly_better() -> None:
    queue, offers = [Wanted("big", 2, 0, 1)], [offer("a", 2), offer("b", 2)]
    for left_s, agent_id in ((300.0, "a"), (90.0, "b")):
        held = holding(["GPU-a-0"], "a", left_s=400.0) | holding(["GPU-b-0"], "b", left_s=left_s)
        assert plan(queue, offers, held, kept={"big": "a"}).reservations[0].agent_id == agent_id
    unknown = holding(["GPU-a-0", "GPU-a-1"], "a") | holding(["GPU-b-0", "GPU-b-1"], "b")
    assert plan(queue, offers, unknown, kept={"big": "b"}).reservations == ()  # nothing is free, nothing to keep
    assert plan(queue, [*offers, offer("c", 1)], unknown, kept={"big": "b"}).reservations[0].agent_id == "b"


@pytest.mark.parametrize(
    ("limit_s", "holder_limit_s", "starts"),
    [(600.0, 600.0, True), (601.0, 600.0, False), (None, 600.0, False), (1.0, None, False)],
)
def test_a_run_that_ends_in_time_may_use_kept_devices(
    limit_s: float | None, holder_limit_s: float | None, starts: bool
) -> None:
    queue = [Wanted("big", 2, 0, 1), Wanted("small", 1, 0, 2, limit_s=limit_s)]
    held = holding(["GPU-lab-0"], left_s=10.0, limit_s=holder_limit_s)
    assert ("small" in started(plan(queue, [offer("lab", 2)], held))) == starts


def test_capable_counts_devices_that_are_in_use() -> None:
    offers = [offer("a", [gpu(0, "a", processes=[DeviceProcess(pid=1)]), gpu(1, "a")]), offer("b", 1, "disconnected")]
    assert [one.agent.id for one in capable(Shape(2), offers)] == ["a"]
    assert [one.agent.id for one in capable(Shape(1, 10 * GIB), offers)] == ["a", "b"]
    assert capable(Shape(1, 99 * GIB), offers) == capable(Shape(0), offers) == []
