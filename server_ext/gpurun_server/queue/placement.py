"""Which waiting run gets which devices: a pure function of the queue and of what is free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gpurun_jupyter.core.devices import Device


@dataclass(frozen=True)
class Wanted:
    """A queued run: what it needs, and where it stands."""

    run_id: str
    gpu: int
    priority: int
    seq: int

    @property
    def rank(self) -> tuple[int, int]:
        """Sorts the queue: higher priority first, then age."""
        return (-self.priority, self.seq)


@dataclass(frozen=True)
class Placement:
    """A run and the devices that it gets."""

    run_id: str
    devices: tuple[Device, ...]


def free_devices(devices: Iterable[Device], held: Iterable[str]) -> list[Device]:
    """Those of an agent's devices that no run holds and that no foreign process uses."""
    taken = set(held)
    return [device for device in devices if device.id not in taken and not any(not p.ours for p in device.processes)]


def place(queue: Sequence[Wanted], free: Sequence[Device]) -> list[Placement]:
    """Give free devices of one agent to the queue, in its order.

    A run that finds too few GPUs keeps those there are from the runs behind it, so that small runs never starve a big
    one. CPU slots and GPUs are apart: a run waiting for one never holds up a run waiting for the other.
    """
    gpus = [device for device in free if device.kind != "cpu"]
    slots = [device for device in free if device.kind == "cpu"]
    placements = []
    for wanted in sorted(queue, key=lambda wanted: wanted.rank):
        pool, count = (gpus, wanted.gpu) if wanted.gpu else (slots, 1)
        if len(pool) >= count:
            placements.append(Placement(wanted.run_id, tuple(pool[:count])))
        del pool[:count]
    return placements
