"""A device during a round: what is free of it, for whom it is kept, and when it will be free."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple, TypeAlias

import msgspec

from gpurun_jupyter.core.devices import Device
from gpurun_server.queue.placement.offers import Holder, Shape

_UNKNOWN_BYTES = 2**62  # a device that does not say how much memory it has is never shared
_AT_ONCE_S = 1.0  # who is about to end has not ended yet


class Cell(msgspec.Struct, gc=False):
    """A device that may be used, with its holders of now and those that the round adds.

    A round makes one for each device there is, so the garbage collector is kept from looking at them.
    """

    device: Device
    place: int  # within its room: settles ties
    total: int
    free: int
    holders: tuple[Holder, ...] = ()
    until: float = inf  # it is kept for a run: others may have it only if they end before that many seconds
    ends: list[tuple[float, float, int]] | None = None  # once they were asked for

    @classmethod
    def of(cls, device: Device, place: int, holders: Sequence[Holder]) -> Cell:
        """A device with its holders of now."""
        total = device.memory_total_bytes or _UNKNOWN_BYTES
        cell = cls(device, place, total, total)
        for holder in holders:
            cell.take(holder)
        return cell

    def take(self, holder: Holder) -> None:
        """Give it, or a part of its memory, to somebody."""
        self.holders = (*self.holders, holder)
        self.free -= self._bytes_of(holder)  # below 0 where a forecast promises it before it is free
        if self.ends is not None:
            self.ends.append((*ends_s(holder), self._bytes_of(holder)))

    def keep(self, until_s: float) -> None:
        """Keep it for a run that starts then, at the latest (0: nobody knows when)."""
        self.until = min(self.until, until_s)

    def ready_s(self, memory_bytes: int | None) -> float:
        """Seconds until a run may have it, as far as one can tell; infinite if one cannot."""
        return self._when(memory_bytes, 0)

    def certain_s(self, memory_bytes: int | None) -> float:
        """The same by time limits alone, which no run outlives."""
        return self._when(memory_bytes, 1)

    def _when(self, memory_bytes: int | None, by: int) -> float:
        if self.until < inf:
            return inf  # some time after the run that it is kept for
        if not self.holders:
            return 0.0
        if memory_bytes is None or self.total == _UNKNOWN_BYTES:
            if len(self.holders) == 1:  # mostly
                return ends_s(self.holders[0])[by]
            return max(ends[by] for ends in self._ends())
        return self._when_free(memory_bytes, by)

    def _when_free(self, memory_bytes: int, by: int) -> float:
        free = self.free
        if free >= memory_bytes:
            return 0.0
        for ends in sorted(self._ends(), key=lambda ends: ends[by]):
            free += ends[2]
            if free >= memory_bytes:
                return ends[by]
        return inf

    def _ends(self) -> list[tuple[float, float, int]]:
        """Of each holder: the end by progress, by time limit, and the bytes that are free then."""
        if self.ends is None:
            self.ends = [(*ends_s(holder), self._bytes_of(holder)) for holder in self.holders]
        return self.ends

    def _bytes_of(self, holder: Holder) -> int:
        alone = holder.memory_bytes is None or self.total == _UNKNOWN_BYTES
        return self.total if alone else holder.memory_bytes or 0


def ends_s(holder: Holder) -> tuple[float, float]:
    """In how many seconds somebody ends by progress, and at the latest by time limit; infinite where nobody knows."""
    by_limit_s = inf if holder.limit_s is None else max(holder.limit_s, _AT_ONCE_S)
    return by_limit_s if holder.left_s is None else max(holder.left_s, _AT_ONCE_S), by_limit_s


def share(device: Device, memory_bytes: int | None) -> float:
    """Which part of a device a run has that declares so much memory."""
    return memory_bytes / device.memory_total_bytes if memory_bytes is not None and device.memory_total_bytes else 1.0


#: Empty devices taken, empty devices left over, bytes that stay free beside it: the lowest leaves the most to others.
Score: TypeAlias = tuple[int, int, int]


class Fit(NamedTuple):
    """Devices of one agent where a run can start now."""

    score: Score
    cells: list[Cell]


def fit(cells: Sequence[Cell], shape: Shape) -> Fit | None:
    """Where the run can start now: the fullest devices that have the memory, or empty ones for itself."""
    limit_s = inf if shape.limit_s is None else shape.limit_s
    if shape.memory_bytes is None:
        empty = [cell for cell in cells if not cell.holders and limit_s <= cell.until]
        score = whole_score(len(empty), shape)
        return Fit(score, empty[: shape.size]) if score else None
    roomy = [cell for cell in cells if cell.free >= shape.memory_bytes and limit_s <= cell.until]
    return _packed(roomy, shape.size) if len(roomy) >= shape.size else None


def whole_score(empty: int, shape: Shape) -> Score | None:
    """How good so many empty devices are for a run that wants devices for itself; None where they are too few."""
    return (shape.size, empty - shape.size, 0) if empty >= shape.size else None


def _packed(roomy: list[Cell], count: int) -> Fit:
    roomy.sort(key=lambda cell: (not cell.holders, cell.free, cell.place))
    taken = roomy[:count]
    empty = sum(not cell.holders for cell in taken)
    left_over = sum(not cell.holders for cell in roomy) - empty
    return Fit((empty, left_over, sum(cell.free for cell in taken)), taken)


class Soonest(NamedTuple):
    """Devices of one agent where a run can start first: in how many seconds, and how many are not ready yet."""

    in_s: float
    missing: int
    cells: list[Cell]


def soonest(cells: Sequence[Cell], shape: Shape) -> Soonest | None:
    """Where on one agent the run can start first; None if never."""
    if len(cells) < shape.size:
        return None
    memory = shape.memory_bytes
    ready = [(cell.ready_s(memory), cell.place, cell) for cell in cells if memory is None or cell.total >= memory]
    if len(ready) < shape.size:
        return None
    ready.sort(key=lambda one: one[:2])
    chosen = ready[: shape.size]
    return Soonest(chosen[-1][0], sum(in_s > 0 for in_s, _, _ in chosen), [cell for _, _, cell in chosen])
