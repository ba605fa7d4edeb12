"""Whose turn it is: priority, then fair share between owners, then age."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from itertools import groupby, islice
from math import inf
from operator import attrgetter
from typing import NamedTuple

from gpurun_server.queue.placement.offers import Shape, Wanted
from gpurun_server.queue.placement.shares import Future

_alike = attrgetter("priority", "owner", "gpu", "memory_bytes", "pin", "on", "kernel", "limit_s", "after")
_age = attrgetter("seq")
_DIGITS = 9  # of a share: sums of parts that are added in another order shall not differ
_FORESEEN = 100  # runs of several owners, from the head of the queue: further back nobody can tell the order anyway


class _Line(NamedTuple):
    """Runs of an owner that differ in age only, the oldest last."""

    shape: Shape
    runs: list[Wanted]


@dataclass
class _Lines:
    """An owner's lines of one priority, by the age of who is first in them."""

    priority: int
    owner: str
    heap: list[tuple[int, int, _Line]]  # the number settles ties, and keeps lines from being compared

    def drop(self, passed: set[Shape]) -> None:
        while self.heap and self.heap[0][2].shape in passed:
            heappop(self.heap)

    def advance(self) -> None:
        _, number, line = heappop(self.heap)
        line.runs.pop()
        if line.runs:
            heappush(self.heap, (line.runs[-1].seq, number, line))


class Turns:
    """The queue of a round, asked for one run after another.

    Of a priority, the owner goes first who has the fewest devices, counting what he had of late and what the round gave
    out; of an owner, the oldest run. Runs of one shape stand in one line: one that fits nowhere is passed over at once.
    """

    def __init__(self, queue: Iterable[Wanted], shares: Mapping[str, float]) -> None:
        self._shares = defaultdict(float, {owner: round(share, _DIGITS) for owner, share in shares.items()})
        self._passed: set[Shape] = set()
        lines = _lines(queue)
        self.least_bytes = min((line.shape.memory_bytes or inf for _, _, line in lines), default=inf)
        self._owners = _by_owner(lines)
        self._heap = [self._entry(number) for number in range(len(self._owners))]
        heapify(self._heap)

    def next(self) -> tuple[Wanted, Shape] | None:
        """The run whose turn it is, to be answered by `serve` or `pass_over`."""
        while self._heap:
            number = self._heap[0][-1]
            lines = self._owners[number]
            lines.drop(self._passed)
            if not lines.heap:
                heappop(self._heap)
            elif self._heap[0] == (entry := self._entry(number)):
                line = lines.heap[0][2]
                return line.runs[-1], line.shape
            else:
                # out of date: its owner has got devices meanwhile, or its oldest run was passed over
                heapreplace(self._heap, entry)
        return None

    def serve(self, share: float) -> None:
        """The run got devices; the next of its line comes up."""
        lines = self._owners[self._heap[0][-1]]
        self._shares[lines.owner] = round(self._shares[lines.owner] + share, _DIGITS)
        lines.advance()

    def pass_over(self, shape: Shape) -> None:
        """No run of this shape fits anywhere in this round."""
        self._passed.add(shape)

    def _entry(self, number: int) -> tuple[int, float, int, int]:
        lines = self._owners[number]
        return (-lines.priority, self._shares[lines.owner], lines.heap[0][0], number)


def _lines(queue: Iterable[Wanted]) -> list[tuple[int, str, _Line]]:
    alike: dict[tuple[int | str | None, ...], list[Wanted]] = defaultdict(list)
    for wanted in queue:
        alike[_alike(wanted)].append(wanted)
    for runs in alike.values():
        runs.sort(key=_age, reverse=True)
    firsts = ((runs[0], runs) for runs in alike.values())
    return [(first.priority, first.owner, _Line(first.shape, runs)) for first, runs in firsts if not first.after]


def _by_owner(lines: Iterable[tuple[int, str, _Line]]) -> list[_Lines]:
    owners: dict[tuple[int, str], _Lines] = {}
    for number, (priority, owner, line) in enumerate(lines):
        mine = owners.setdefault((priority, owner), _Lines(priority, owner, []))
        mine.heap.append((line.runs[-1].seq, number, line))
    for mine in owners.values():
        heapify(mine.heap)
    return list(owners.values())


def ranked(queue: Iterable[Wanted], weight: Callable[[Wanted], float], future: Callable[[], Future]) -> list[Wanted]:
    """The whole queue in the order in which it will be served, as far as one can tell.

    `weight` is how many devices a run gets; 0 for one that cannot be served yet, which holds nobody up.
    """
    by_age = sorted(queue, key=lambda one: (-one.priority, one.seq))
    if len({wanted.owner for wanted in by_age}) < 2:
        return by_age
    foreseen = list(islice(_foreseen(by_age, weight, shares := future()), _FORESEEN))
    told = {wanted.run_id for wanted in foreseen}
    return foreseen + _counted([wanted for wanted in by_age if wanted.run_id not in told], weight, shares)


def _foreseen(by_age: list[Wanted], weight: Callable[[Wanted], float], future: Future) -> Iterator[Wanted]:
    """One after another, each chosen when there is room again, as rounds do."""
    for _, runs in groupby(by_age, attrgetter("priority")):
        lines: dict[str, deque[Wanted]] = defaultdict(deque)
        for wanted in runs:
            lines[wanted.owner].append(wanted)
        waiting = [(future.of(name), line) for name, line in lines.items()]
        while waiting:
            future.wait_for()
            first = min(waiting, key=lambda one: (round(one[0].share, _DIGITS), one[1][0].seq))
            owner, line = first
            if devices := weight(line[0]):
                future.begin(owner, devices, line[0].expected_s)
            yield line.popleft()
            if not line:
                waiting.remove(first)


def _counted(by_age: list[Wanted], weight: Callable[[Wanted], float], future: Future) -> list[Wanted]:
    """Those far back, each counted as if those before it had been served and nobody had ended."""
    shares: dict[str, float] = {}
    keyed = []
    for number, wanted in enumerate(by_age):
        share = shares[wanted.owner] if wanted.owner in shares else future.of(wanted.owner).share
        keyed.append((-wanted.priority, round(share, _DIGITS), number))
        shares[wanted.owner] = share + weight(wanted)
    keyed.sort()
    return [by_age[number] for *_, number in keyed]
