"""A placement round over 10,000 queued runs and 1,000 GPUs, as benchmarks/placement.py sets it up."""

from __future__ import annotations

import placement
from figures import Figure, median, shown, times_ms

from gpurun_server.queue.placement.plan import plan
from gpurun_server.queue.placement.waiting import outlooks

ROUNDS = 15


def figures() -> list[Figure]:
    """The round of one agent that claims, half of all GPUs being free, and why everybody waits."""
    offers = placement.offers()
    held = placement.held(offers, 0.5)
    free = next(
        offer.agent.id for offer in offers if any((offer.agent.id, one.id) not in held for one in offer.agent.devices)
    )
    found = []
    for kind, make in (("alike", placement.plain), ("of many kinds", placement.mixed)):
        queue = placement.queue(make)
        one = median(times_ms(lambda: plan(queue, offers, held, claimer=free), ROUNDS))  # noqa: B023
        every = median(times_ms(lambda: plan(queue, offers, held), ROUNDS))  # noqa: B023
        why = median(times_ms(lambda: outlooks(queue, offers, held), 5))  # noqa: B023
        beside = f"for all agents at once {shown(every, 'ms')}; why each of them waits {shown(why, 'ms')}"
        found.append(Figure(f"placement round, 10,000 runs {kind}, 1,000 GPUs", one, "ms", 50, 10, beside))
    return found
