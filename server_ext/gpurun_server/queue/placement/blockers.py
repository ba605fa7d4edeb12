"""Who is in the way of a run: runs that hold devices, processes of others, bigger runs that devices are kept for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import NamedTuple

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.labels import PRIVATE, asked
from gpurun_server.queue.placement.cells import Cell, ends_s
from gpurun_server.queue.placement.offers import Held, Holder, Offer, Shape, Wanted, capable, names_of, suits

_NAMED = 3  # in a sentence; the rest is counted


class Blocker(NamedTuple):
    """A device that a run cannot have now. They sort by who will be gone first."""

    in_s: float
    kept_for: str  # a queued run's id
    place: int
    offer: Offer
    device: Device


class Blockers:
    """Finds and names them, for `viewer` (see waiting.py). `kept`: the free devices that a run ahead in line gets."""

    def __init__(
        self, offers: Sequence[Offer], held: Held, kept: Mapping[tuple[str, str], Wanted], viewer: str | None
    ) -> None:
        self._offers = [offer for offer in offers if offer.claiming and offer.agent.health == "healthy"]
        self._held = held
        self._kept = kept
        self._viewer = viewer
        self._many = len(self._offers) > 1
        self._cells: dict[tuple[str, str], Cell] = {}

    def of(self, shape: Shape) -> InTheWay:
        """Everybody in the way of such a run, on the agents that could serve it."""
        found: list[Blocker] = []
        for offer in capable(shape, self._offers):
            for device in offer.agent.devices:
                pinned = shape.pin is None or shape.pin in names_of(offer.agent, device)
                if pinned and suits(shape, device):
                    found += self._on(shape, offer, device, len(found))
        return InTheWay(sorted(found), self._told)

    def _on(self, shape: Shape, offer: Offer, device: Device, place: int) -> Iterator[Blocker]:
        key = (offer.agent.id, device.id)
        if holders := self._held.get(key):
            if in_s := self._ready_s(shape, device, key, holders):
                yield Blocker(in_s, "", place, offer, device)
        elif offer.barred(device):
            yield Blocker(inf, "", place, offer, device)
        elif one := self._kept.get(key):
            yield Blocker(inf, one.run_id, place, offer, device)

    def _ready_s(self, shape: Shape, device: Device, key: tuple[str, str], holders: Sequence[Holder]) -> float:
        if len(holders) == 1 and holders[0].memory_bytes is None:  # thousands are so
            return ends_s(holders[0])[0]
        cell = self._cells.get(key) or self._cells.setdefault(key, Cell.of(device, 0, holders))
        return cell.ready_s(shape.memory_bytes)

    def _told(self, one: Blocker) -> tuple[str, str]:
        """What the device is called, and who is in the way there. Few are told of, so this waits until then."""
        key, label = (one.offer.agent.id, one.device.id), one.device.label
        if self._many:
            label = f"{one.offer.agent.id}:{label}"
        if one.kept_for:
            return label, self._called(self._kept[key])
        holders = self._held.get(key)
        return label, self._who_holds(holders) if holders else _who_bars(one.device)

    def _who_holds(self, holders: Sequence[Holder]) -> str:
        first = min(holders, key=lambda one: inf if one.left_s is None else one.left_s)
        more = f" and {len(holders) - 1} more" if len(holders) > 1 else ""
        return f"{self._called(first)}{_left(first)}{more}"

    def _called(self, one: Holder | Wanted) -> str:
        return f"«{one.name or one.run_id}»" if self._viewer in (None, one.owner) else f"a run of {one.owner}"


class InTheWay:
    """The blockers of one shape, as a sentence that thousands of runs may share. `told` names a device and who."""

    def __init__(self, blockers: Sequence[Blocker], told: Callable[[Blocker], tuple[str, str]]) -> None:
        self._blockers = blockers
        self._told = told
        self._kept_for = {one.kept_for for one in blockers}
        self._whole = self._sentence(blockers)

    def but_for(self, run_id: str) -> str:
        """`gpu0 is held by «bert-ft» (about 4 min left), gpu1 by pid 4312 (anna, not ours), and 2 more`.

        Without what is kept for this very run; nothing if nothing else is in its way.
        """
        if run_id not in self._kept_for:
            return self._whole
        return self._sentence([one for one in self._blockers if one.kept_for != run_id])

    def _sentence(self, blockers: Sequence[Blocker]) -> str:
        parts, said = [], ""
        for one in blockers[:_NAMED]:
            label, who = self._told(one)
            verb = "kept for" if one.kept_for else "held by"
            how = verb.split()[1] if verb == said else f"is {verb}"
            parts.append(f"{label} {how} {who}")
            said = verb
        more = len(blockers) - len(parts)
        return ", ".join(parts) + (f", and {more} more" if more else "")


def _left(holder: Holder) -> str:
    if holder.left_s is not None:
        return f" (about {about(holder.left_s)} left)"
    return "" if holder.limit_s is None else f" (at most {about(holder.limit_s)} left)"


def _who_bars(device: Device) -> str:
    if device.locked_by:
        return device.locked_by
    foreign = next((process for process in device.processes if not process.ours), None)
    return (
        f"pid {foreign.pid} ({foreign.user or 'somebody'}, not ours)" if foreign else "another gpurun on that machine"
    )


def what(shape: Shape) -> str:
    """What a run waits for: `2 GPUs on one machine`, `1 GPU with 10 GB free`, `lab:gpu1`."""
    if shape.pin:
        return shape.pin
    name = f"{shape.gpu} GPU{'s on one machine' if shape.gpu > 1 else ''}" if shape.gpu else "a CPU slot"
    memory = "" if shape.memory_bytes is None else f" with {shape.memory_bytes / 2**30:.3g} GB free"
    named = [word for word in asked(shape.on, None) if word != PRIVATE]
    return name + memory + (f" on {' and '.join(named)}" if named else "")


def listed(names: Sequence[str]) -> str:
    """`«a»`, `«a» and «b»`, `«a», «b», «c» and 4 more`."""
    named = list(names[:_NAMED])
    if len(names) > _NAMED:
        return ", ".join(named) + f" and {len(names) - _NAMED} more"
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]


def about(seconds: float) -> str:
    """A duration without false precision: `40 s`, `4 min`, `2 h`, `3 d`."""
    for unit, size_s, below_s in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 48 * 3600)):
        if seconds < below_s:
            return f"{max(1, round(seconds / size_s))} {unit}"
    return f"{round(seconds / 86400)} d"
