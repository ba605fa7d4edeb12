"""Why a queued run waits, as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gpurun_jupyter.core.devices import Agent, Device
from gpurun_jupyter.core.runs import Waiting
from gpurun_server.queue.placement import Wanted

_NAMED = 3  # holders named in a sentence; the rest is counted


def explain(queue: Sequence[Wanted], agents: Sequence[Agent]) -> dict[str, Waiting]:
    """For every queued run its place in the queue and what it waits for."""
    order = sorted(queue, key=lambda wanted: wanted.rank)
    return {
        wanted.run_id: Waiting(place, _why(wanted, order[: place - 1], agents)) for place, wanted in enumerate(order, 1)
    }


def _why(wanted: Wanted, ahead: Sequence[Wanted], agents: Sequence[Agent]) -> str:
    alive = [agent for agent in agents if agent.health != "disconnected"]
    if not alive:
        return "no agent is connected; it starts when one is"
    what = f"{wanted.gpu} GPU{'s' if wanted.gpu > 1 else ''}" if wanted.gpu else "a CPU slot"
    pool = [device for agent in alive for device in agent.devices if (device.kind == "cpu") == (wanted.gpu == 0)]
    if most_on_one(alive, wanted.gpu) < max(wanted.gpu, 1):
        return f"waits for {what}: no agent that is here has them"
    rivals = sum(1 for other in ahead if bool(other.gpu) == bool(wanted.gpu))
    if holders := _holders(pool):
        return f"waits for {what}: {_listed(holders)}"
    return (
        f"waits for {what}, behind {rivals} other{'s' if rivals > 1 else ''}"
        if rivals
        else f"{what} is free; it starts now"
    )


def most_on_one(agents: Sequence[Agent], gpu: int) -> int:
    """The most GPUs (or, for `gpu` 0, CPU slots) that one agent has."""
    return max((sum((device.kind == "cpu") == (gpu == 0) for device in agent.devices) for agent in agents), default=0)


def _holders(pool: Sequence[Device]) -> Mapping[str, str]:
    held = {}
    for device in pool:
        foreign = [process for process in device.processes if not process.ours]
        if device.run_name:
            held[device.label] = f"«{device.run_name}»"
        elif foreign:
            held[device.label] = f"pid {foreign[0].pid} ({foreign[0].user or 'somebody'}, not ours)"
    return held


def _listed(holders: Mapping[str, str]) -> str:
    named = [f"{label} is held by {who}" for label, who in list(holders.items())[:_NAMED]]
    more = len(holders) - len(named)
    return ", ".join(named) + (f", and {more} more" if more else "")
