"""The devices of all agents during a round: where a run fits, and where it can start first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import NamedTuple, TypeAlias

from gpurun_jupyter.core.devices import Device
from gpurun_server.queue.placement.cells import Cell, Fit, Score, Soonest, ends_s, fit, share, soonest, whole_score
from gpurun_server.queue.placement.offers import Held, Holder, Offer, Shape, Wanted, names_of
from gpurun_server.queue.placement.shares import Future, Lately


class Glance(NamedTuple):
    """A room before the round: how many devices nobody has, and whether there are some that runs share."""

    idle: int
    is_shared: bool


class Room:
    """One agent's usable devices of one kind. Most rounds decide without looking into most rooms."""

    def __init__(self, offer: Offer, held: Held, *, cpu: bool, startable: bool) -> None:
        self.offer = offer
        self.startable = startable  # it is heard, so what it is meant to get it will claim
        self._held = held
        self._cpu = cpu

    @cached_property
    def cells(self) -> list[Cell]:
        """Its devices but for those that others use."""
        agent = self.offer.agent
        there = [one for one in agent.devices if (one.kind == "cpu") == self._cpu and self._is_usable(one)]
        return [Cell.of(one, place, self._held.get((agent.id, one.id), ())) for place, one in enumerate(there)]

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has looked at its cells, so that nobody was given any: a glance says enough of it."""
        return "cells" not in self.__dict__

    @cached_property
    def glance(self) -> Glance:
        """What can be seen without the cells: most rounds need no more of most rooms."""
        agent, idle, is_shared = self.offer.agent, 0, False
        for device in agent.devices:
            if (device.kind == "cpu") != self._cpu:
                continue
            if holders := self._held.get((agent.id, device.id)):
                is_shared = is_shared or all(holder.memory_bytes is not None for holder in holders)
            elif self._is_usable(device):
                idle += 1
        return Glance(idle, is_shared)

    def _is_usable(self, device: Device) -> bool:
        return not (device.processes or self.offer.locked) or not self.offer.barred(device)


#: The devices that a run may have, by the number of their room.
Pool: TypeAlias = Mapping[int, Sequence[Cell]]


class _WholeRooms(Pool):
    """All devices of some rooms, which are looked into only when they are asked for."""

    def __init__(self, rooms: Sequence[Room], numbers: Sequence[int]) -> None:
        self._rooms, self._numbers = rooms, numbers

    def __getitem__(self, number: int) -> Sequence[Cell]:
        return self._rooms[number].cells

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


@dataclass
class _Finder:
    """Where runs of one shape fit, best first. Of the changes of rooms it knows the first `seen`."""

    pool: Pool
    numbers: set[int]
    heap: list[tuple[Score, int]]
    seen: int


class Board:
    """The rooms of one line: the GPUs (MIG slices too) or the CPU slots. `claimer` is the agent that claims now."""

    def __init__(
        self, offers: Sequence[Offer], held: Held, lately: Lately, *, cpu: bool, claimer: str | None = None
    ) -> None:
        self._lately = lately
        self.rooms: list[Room] = []
        self._offers, self._held, self._cpu = offers, held, cpu
        self.claimer: int | None = None
        self._pools: dict[tuple[tuple[str, ...], str | None], Pool] = {}
        self._pinned: dict[str, dict[int, list[Cell]]] | None = None
        self._finders: dict[Shape, _Finder] = {}
        self._changed: list[int] = []
        self._least_bytes = 1.0
        self._open: set[int] | None = None  # not known yet
        for offer in sorted(offers, key=lambda offer: offer.agent.id):
            self._add(offer, claims=offer.agent.id == claimer)

    def _add(self, offer: Offer, *, claims: bool) -> None:
        if claims:
            self.claimer = len(self.rooms)
        if offer.here or claims:
            startable = claims or offer.agent.health == "healthy"
            self.rooms.append(Room(offer, self._held, cpu=self._cpu, startable=startable))

    @cached_property
    def shares(self) -> dict[str, float]:
        """How many devices each owner has before the round, shared ones in part, and had of late."""
        shares: dict[str, float] = defaultdict(float, self._lately(self._cpu))
        for holder, devices in self._holders():
            shares[holder.owner] += devices
        return shares

    def future(self) -> Future:
        """How the shares will be as runs end and others begin."""
        idle = sum([cell.free / cell.total for room in self.rooms for cell in room.cells if cell.free > 0])
        holdings = [(holder.owner, devices, ends_s(holder)[0]) for holder, devices in self._holders()]
        return Future(idle, holdings, self._lately(self._cpu))

    def _holders(self) -> list[tuple[Holder, float]]:
        """Who has devices before the round, each with the part of the device that is his."""
        held, cpu = self._held, self._cpu
        busy = {agent_id for agent_id, _ in held}
        return [  # of thousands, in each claim
            (holder, 1.0 if holder.memory_bytes is None else share(device, holder.memory_bytes))
            for offer in self._offers
            if (agent_id := offer.agent.id) in busy
            for device in offer.agent.devices
            if (device.kind == "cpu") == cpu
            for holder in held.get((agent_id, device.id), ())
        ]

    @cached_property
    def most_bytes(self) -> int:
        """How much memory the biggest device has."""
        return max((cell.total for room in self.rooms for cell in room.cells), default=1)

    def expect(self, least_bytes: float) -> None:
        """Say how little memory the runs of this round declare, so that smaller rests count as nothing free."""
        self._least_bytes = least_bytes
        self._open = None

    def is_open(self, claimer: str | None) -> bool:
        """Whether anything could still start: on the claiming agent, or, for None, anywhere."""
        if claimer is None:
            return bool(self._open_rooms())
        return self.claimer is not None and self._is_open(self.rooms[self.claimer])

    def _open_rooms(self) -> set[int]:
        if self._open is None:
            self._open = {number for number, room in enumerate(self.rooms) if self._is_open(room)}
        return self._open

    def find(self, shape: Shape) -> tuple[int, Fit] | None:
        """The room where the run shall start now: the claiming agent, else where it leaves the most to others."""
        if self.claimer is not None and (found := fit(self._claimers(shape), shape)):
            return self.claimer, found
        finder = self._finders.get(shape) or self._new_finder(shape)
        self._catch_up(finder, shape)
        while finder.heap:
            score, number = finder.heap[0]
            now = fit(finder.pool[number], shape)
            if now and now.score == score:
                return number, now
            heappop(finder.heap)  # of before a change: what is true since was pushed as well
        return None

    def _claimers(self, shape: Shape) -> Sequence[Cell]:
        """The claiming agent's part of the pool, without a look at the others if that can be."""
        assert self.claimer is not None
        if shape.pin is not None:
            return self.pool(shape).get(self.claimer, ())
        room = self.rooms[self.claimer]
        return room.cells if room.offer.has(shape.needs) else ()

    def _new_finder(self, shape: Shape) -> _Finder:
        open_rooms = self._open_rooms()
        pool = self.pool(shape)
        numbers = {n for n in pool if n in open_rooms and self.rooms[n].startable}
        heap = [(score, n) for n in numbers if (score := self._score(pool, n, shape))]
        heapify(heap)
        self._finders[shape] = finder = _Finder(pool, numbers, heap, len(self._changed))
        return finder

    def _score(self, pool: Pool, number: int, shape: Shape) -> Score | None:
        room = self.rooms[number]
        if shape.memory_bytes is None and shape.pin is None and room.is_untouched:
            return whole_score(room.glance.idle, shape)
        found = fit(pool[number], shape)
        return found.score if found else None

    def _catch_up(self, finder: _Finder, shape: Shape) -> None:
        for number in set(self._changed[finder.seen :]):
            if number in finder.numbers and (found := fit(finder.pool[number], shape)):
                heappush(finder.heap, (found.score, number))
        finder.seen = len(self._changed)

    def take(self, number: int, cells: Iterable[Cell], holder: Holder) -> float:
        """Give devices of a room to somebody; returns how many that is, shared ones in part."""
        given = 0.0
        for cell in cells:
            given += share(cell.device, holder.memory_bytes)
            cell.take(holder)
        self.touch(number)
        return given

    def touch(self, number: int) -> None:
        """Note that a room has changed."""
        self._changed.append(number)
        if self._open is not None and not self._is_open(self.rooms[number]):
            self._open.discard(number)  # for good: a round gives nothing back

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
        able = [n for n, room in enumerate(self.rooms) if room.offer.has(needs)]
        if pin is None:
            return _WholeRooms(self.rooms, able)
        pool = self._pins().get(pin, {})
        return {n: pool[n] for n in able if n in pool}

    def _is_open(self, room: Room) -> bool:
        if room.is_untouched and not room.glance.is_shared:
            return room.glance.idle > 0
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
