"""Placement over many rounds: nobody starves, owners are served alike."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from placements import GIB, offer

from gpurun_server.queue.placement.offers import Held, Holder, Offer, Wanted
from gpurun_server.queue.placement.plan import Plan, plan


class Days:
    """Rounds of claims by every agent in turn; a run ends a number of rounds after it started."""

    def __init__(self, offers: list[Offer], seed: int, *, claims: bool = True) -> None:
        self.offers, self.pick, self.claims = offers, random.Random(seed), claims
        self.queue: list[Wanted] = []
        self.running: dict[str, tuple[Wanted, str, list[str], int]] = {}
        self.kept: Mapping[str, str] | None = None
        self.seq = 0
        self.round = 0

    def add(self, name: str, gpu: int, owner: str, **more: object) -> None:
        self.seq += 1
        self.queue.append(Wanted(name, gpu, 0, self.seq, owner, **more))

    def held(self, left_s: float | None = None) -> Held:
        held: dict[tuple[str, str], list[Holder]] = {}
        for wanted, agent_id, devices, end in self.running.values():
            limit_s = None if wanted.limit_s is None else float(end - self.round)
            mine = Holder(wanted.run_id, "", wanted.owner, wanted.memory_bytes, left_s, limit_s)
            for device in devices:
                held.setdefault((agent_id, device), []).append(mine)
        return held

    def pass_round(self, left_s: float | None = None) -> None:
        self.round += 1
        self.running = {run_id: one for run_id, one in self.running.items() if one[3] > self.round}
        for claimer in self.pick.sample(self.offers, len(self.offers)) if self.claims else [None]:
            made = plan(
                self.queue,
                self.offers,
                self.held(left_s),
                claimer=claimer.agent.id if claimer else None,
                kept=self.kept,
            )
            if self.kept is not None:
                self.kept = {**self.kept, **{one.run_id: one.agent_id for one in made.reservations}}
            self._start(made)

    def _start(self, made: Plan) -> None:
        for one in made.placements:
            wanted = next(wanted for wanted in self.queue if wanted.run_id == one.run_id)
            self.queue.remove(wanted)
            lasts = int(wanted.limit_s) if wanted.limit_s else self.pick.randint(1, 5)
            devices = [device.id for device in one.devices]
            self.running[one.run_id] = (wanted, one.agent_id, devices, self.round + lasts)

    def rounds_until(self, run_id: str, at_most: int, **small: object) -> int:
        for passed in range(at_most):
            for number in range(12):
                self.add(f"small{self.round}-{number}", 1, self.pick.choice("AB"), **small)
            self.pass_round(self.pick.uniform(1, 900) if self.kept is not None else None)
            if run_id in self.running:
                return passed
        pytest.fail(f"{run_id} did not start in {at_most} rounds")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("claims", [True, False])
@pytest.mark.parametrize("memory_bytes", [None, 10 * GIB])
def test_small_runs_without_end_do_not_starve_a_big_one(seed: int, claims: bool, memory_bytes: int | None) -> None:
    days = Days([offer("a", 4), offer("b", 4), offer("c", 3)], seed, claims=claims)
    for number in range(20):
        days.add(f"early{number}", 1, "A", memory_bytes=memory_bytes)
    days.pass_round()
    days.add("big", 4, "big", memory_bytes=None)
    assert days.rounds_until("big", 20, memory_bytes=memory_bytes) <= 20


@pytest.mark.parametrize("seed", range(8))
def test_estimates_that_lie_do_not_starve_a_big_run(seed: int) -> None:
    days = Days([offer("a", 4), offer("b", 4)], seed)
    days.kept = {}
    for number in range(8):
        days.add(f"early{number}", 1, "A")
    days.pass_round()
    days.add("big", 4, "big")
    days.rounds_until("big", 30)


@pytest.mark.parametrize("seed", range(8))
def test_backfill_never_delays_the_run_that_devices_are_kept_for(seed: int) -> None:
    days = Days([offer("a", 4)], seed)
    days.add("long", 1, "A", limit_s=10.0)
    days.pass_round()
    days.add("big", 4, "big")
    filled = 0
    for _ in range(10):
        for number in range(6):
            days.add(f"s{days.round}-{number}", 1, "A", limit_s=float(days.pick.randint(1, 12)))
        days.pass_round()
        filled += sum(run_id.startswith("s") for run_id in days.running)
    assert "big" in days.running
    assert filled


@given(st.integers(0, 2**16), st.integers(2, 9))
def test_two_owners_who_flood_the_queue_hold_equally_many(seed: int, gpus: int) -> None:
    days = Days([offer("a", gpus), offer("b", 2)], seed)
    for number in range(200):
        days.add(f"r{number}", 1, "A" if number < 100 else "B")
    for _ in range(12):
        days.pass_round()
        holding = [wanted.owner for wanted, *_ in days.running.values()]
        assert len(holding) == gpus + 2
        assert abs(holding.count("A") - holding.count("B")) <= 1
