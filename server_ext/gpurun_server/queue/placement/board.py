"""The devices of all agents during a round: where a run fits, and where it can start first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import NamedTuple, TypeAlias

from gpurun_server.queue.placement.cells import Cell, Fit, Soonest, fit, soonest
from gpurun_server.queue.placement.offers import Held, Holder, Offer, Shape, Wanted, names_of


class Room(NamedTuple):
    """One agent's usable devices of one kind."""

    offer: Offer
    cells: list[Cell]
    startable: bool  # it is heard, so what it is meant to get it will claim


#: The devices that a run may have, by the number of their room.
Pool: TypeAlias = Mapping[int, Sequence[Cell]]


@dataclass
class _Finder:
    """Where runs of one shape fit, best first. Of the changes of rooms it knows the first `seen`."""

    pool: Pool
    heap: list[tuple[tuple[int, int, int], int]]
    seen: int


class Board:
    """The rooms of one line: the GPUs (MIG slices too) or the CPU slots. `claimer` is the agent that claims now."""

    def __init__(self, offers: Iterable[Offer], held: Held, *, cpu: bool, claimer: str | None = None) -> None:
        self.rooms: list[Room] = []
        self.shares: dict[str, float] = defaultdict(float)
        self.claimer: int | None = None
        self._pools: dict[tuple[tuple[str, ...], str | None], Pool] = {}
        self._pinned: dict[str, dict[int, list[Cell]]] | None = None
        self._finders: dict[Shape, _Finder] = {}
        self._changed: list[int] = []
        for offer in sorted(offers, key=lambda offer: offer.agent.id):
            self._add(offer, held, cpu, offer.agent.id == claimer)
        self.expect(1)

    def _add(self, offer: Offer, held: Held, cpu: bool, claims: bool) -> None:
        agent = offer.agent
        cells: list[Cell] = []
        for device in agent.devices:
            if (device.kind == "cpu") == cpu:
                cell = Cell(device, len(cells), held.get((agent.id, device.id), ()))
                for holder in cell.holders:
                    self.shares[holder.owner] += cell.share(holder.memory_bytes)
                if not (device.processes or offer.locked) or not offer.barred(device):
                    cells.append(cell)
        if claims:
            self.claimer = len(self.rooms)
        if offer.here or claims:
            self.rooms.append(Room(offer, cells, claims or agent.health == "healthy"))

    def expect(self, least_bytes: float) -> None:
        """Say how little memory the runs of this round declare, so that smaller rests count as nothing free."""
        self._least_bytes = least_bytes
        self._open = {number for number, room in enumerate(self.rooms) if self._is_open(room)}

    def is_open(self, claimer: str | None) -> bool:
        """Whether anything could still start: on the claiming agent, or, for None, anywhere."""
        return bool(self._open) if claimer is None else self.claimer in self._open

    def find(self, shape: Shape) -> tuple[int, Fit] | None:
        """The room where the run shall start now: the claiming agent, else where it leaves the most to others."""
        if self.claimer is not None and (cells := self.pool(shape).get(self.claimer)) and (found := fit(cells, shape)):
            return self.claimer, found
        finder = self._finders.get(shape) or self._new_finder(shape)
        self._catch_up(finder, shape)
        while finder.heap:
            score, number = finder.heap[0]
            now = fit(finder.pool[number], shape)
            if now and now.score == score:
                return number, now
            heappop(finder.heap)
        return None

    def _new_finder(self, shape: Shape) -> _Finder:
        pool = {n: cells for n, cells in self.pool(shape).items() if n in self._open and self.rooms[n].startable}
        heap = [(found.score, n) for n, cells in pool.items() if (found := fit(cells, shape))]
        heapify(heap)
        self._finders[shape] = finder = _Finder(pool, heap, len(self._changed))
        return finder

    def _catch_up(self, finder: _Finder, shape: Shape) -> None:
        for number in set(self._changed[finder.seen :]):
            if number in finder.pool and (found := fit(finder.pool[number], shape)):
                heappush(finder.heap, (found.score, number))
        finder.seen = len(self._changed)

    def take(self, number: int, cells: Iterable[Cell], holder: Holder) -> float:
        """Give devices of a room to somebody; returns how many that is, shared ones in part."""
        share = 0.0
        for cell in cells:
            share += cell.share(holder.memory_bytes)
            cell.take(holder)
        self.touch(number)
        return share

    def touch(self, number: int) -> None:
        """Note that a room has changed."""
        self._changed.append(number)
        if not self._is_open(self.rooms[number]):
            self._open.discard(number)

    def soonest(self, shape: Shape) -> list[tuple[float, int, int, Soonest]]:
        """Every agent where the run could start some day: in how long, how many devices it has to wait for, which."""
        found = ((number, soonest(cells, shape)) for number, cells in self.pool(shape).items())
        return [(one.in_s, one.missing, number, one) for number, one in found if one]

    def pool(self, shape: Shape) -> Pool:
        """The devices of those that have what the run needs, as far as its `pin` allows."""
        key = (shape.needs, shape.pin)
        if key not in self._pools:
            self._pools[key] = self._new_pool(*key)
        return self._pools[key]

    def _new_pool(self, needs: tuple[str, ...], pin: str | None) -> Pool:
        pool: Pool = {n: room.cells for n, room in enumerate(self.rooms)} if pin is None else self._pins().get(pin, {})
        return {n: cells for n, cells in pool.items() if self.rooms[n].offer.has(needs)}

    def _is_open(self, room: Room) -> bool:
        least = self._least_bytes
        return any(cell.until > 0 and (not cell.holders or cell.free >= least) for cell in room.cells)

    def _pins(self) -> Mapping[str, Pool]:
        if self._pinned is None:
            self._pinned = defaultdict(dict)
            for number, room in enumerate(self.rooms):
                for cell in room.cells:
                    for name in names_of(room.offer.agent, cell.device):
                        self._pinned[name].setdefault(number, []).append(cell)
        return self._pinned


def holder_of(wanted: Wanted, left_s: float | None = None) -> Holder:
    """A queued run as the holder that it becomes."""
    return Holder(wanted.run_id, wanted.name, wanted.owner, wanted.shape.memory_bytes, left_s, wanted.limit_s)
