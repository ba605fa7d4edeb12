"""How long a placement round takes with 10,000 queued runs and 1,000 GPUs: `python benchmarks/placement.py`.

Pass is 50 ms, the goal 10 ms. Nothing of the database is in it; `queue made` is the making of 10,000 Wanted.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable

from gpurun_jupyter.core.devices import Agent, Device
from gpurun_server.queue.placement.offers import Held, Holder, Offer, Wanted
from gpurun_server.queue.placement.plan import plan
from gpurun_server.queue.placement.waiting import outlooks

AGENTS, GPUS_EACH, QUEUED, ROUNDS = 250, 4, 10_000, 20
GIB = 2**30
OWNERS = [f"owner{number}" for number in range(20)]


def offers() -> list[Offer]:
    return [Offer(agent(number), labels=frozenset({"a100" if number % 2 else "h100"})) for number in range(AGENTS)]


def agent(number: int) -> Agent:
    devices = [
        Device(id=f"GPU-{number}-{index}", kind="gpu", index=index, memory_total_bytes=80 * GIB)
        for index in range(GPUS_EACH)
    ]
    return Agent(f"agent{number:03}", f"host{number:03}", "1", "healthy", 1.0, devices)


def held(there: list[Offer], busy: float, seed: int = 1) -> Held:
    pick = random.Random(seed)
    keys = [(offer.agent.id, device.id) for offer in there for device in offer.agent.devices]
    return {
        key: [Holder(f"h{n}", f"held-{n}", pick.choice(OWNERS), None, pick.choice([None, 60.0 * n]))]
        for n, key in enumerate(keys)
        if pick.random() < busy
    }


def plain(seq: int, pick: random.Random) -> Wanted:
    return Wanted(f"r{seq}", 1, 0, seq, pick.choice(OWNERS), f"run-{seq}")


def mixed(seq: int, pick: random.Random) -> Wanted:
    gpu = pick.choice([1, 1, 1, 2, 4])
    memory = pick.choice([None, None, 10 * GIB, 16 * GIB, 24 * GIB]) if gpu == 1 else None
    on = pick.choice([None, None, "a100", "h100"])
    limit_s = pick.choice([None, 3600.0])
    return Wanted(
        f"r{seq}", gpu, pick.choice([0, 0, 0, 5]), seq, pick.choice(OWNERS), f"run-{seq}", memory, None, on, limit_s
    )


def queue(make: Callable[[int, random.Random], Wanted]) -> list[Wanted]:
    pick = random.Random(2)
    return [make(seq, pick) for seq in range(QUEUED)]


def median_ms(act: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        start = time.perf_counter()
        act()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    there = offers()
    levels = {
        "all busy": held(there, 1.1),
        "1 % free": held(there, 0.99),
        "half free": held(there, 0.5),
        "all free": {},
    }
    print(f"{QUEUED:,} queued, {AGENTS * GPUS_EACH:,} GPUs of {AGENTS} agents; median of {ROUNDS}, in ms")
    print(f"{'queue':<8}{'GPUs':<12}{'one agent claims':>18}{'all agents':>12}{'granted':>9}{'why waiting':>13}")
    for name, make in (("alike", plain), ("mixed", mixed)):
        waiting = queue(make)
        for level, holders in levels.items():
            # The agent that claims is one that has something free.
            claimer = next(
                (o.agent.id for o in there if len([k for k in holders if k[0] == o.agent.id]) < GPUS_EACH), "agent000"
            )
            one = median_ms(lambda: plan(waiting, there, holders, claimer=claimer))  # noqa: B023
            every = median_ms(lambda: plan(waiting, there, holders))  # noqa: B023
            why = median_ms(lambda: outlooks(waiting, there, holders))  # noqa: B023
            granted = len(plan(waiting, there, holders).placements)
            print(f"{name:<8}{level:<12}{one:>18.1f}{every:>12.1f}{granted:>9}{why:>13.1f}")
    rows = [(w.run_id, w.gpu, w.priority, w.seq, w.owner, w.name) for w in queue(plain)]
    print(f"queue made from rows: {median_ms(lambda: [Wanted(*row) for row in rows]):.1f} ms")


if __name__ == "__main__":
    main()
