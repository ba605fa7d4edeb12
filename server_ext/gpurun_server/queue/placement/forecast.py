"""When queued runs will start, and which free devices are as good as gone: what the next rounds will do, roughly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappush, heapreplace
from math import inf

from gpurun_jupyter.core.devices import Device
from gpurun_server.queue.placement.board import Board, holder_of
from gpurun_server.queue.placement.cells import Soonest, soonest
from gpurun_server.queue.placement.offers import Shape, Wanted

_FORESEEN = 1000  # runs, from the head of the queue; whoever stands further back is told no time
_AT_ONCE = (0.0, 0)  # in how many seconds, for how many devices it waits


@dataclass
class Forecast:
    """Seconds until runs start, where they can be told, and for whom devices are kept that nobody holds."""

    starts_in_s: dict[str, float] = field(default_factory=dict)
    kept: dict[tuple[str, str], Wanted] = field(default_factory=dict)

    def note(self, wanted: Wanted, in_s: float, agent_id: str, devices: Iterable[Device]) -> None:
        """Take down that a run gets devices."""
        if in_s < inf:
            self.starts_in_s[wanted.run_id] = in_s
        for device in devices:
            self.kept.setdefault((agent_id, device.id), wanted)


class _Search:
    """The agents for one shape, by how soon they can serve it; entries tell less than the truth until looked at."""

    def __init__(self, board: Board, shape: Shape) -> None:
        self._pool, self._shape = board.pool(shape), shape
        self._unseen = (number for number in sorted(self._pool) if board.rooms[number].startable)
        self._heap: list[tuple[float, int, int]] = []

    def first(self) -> tuple[int, Soonest] | None:
        while self._heap or self._see_more():
            if self._heap[0][:2] > _AT_ONCE and self._see_more():
                continue
            number = self._heap[0][2]
            now = soonest(self._pool[number], self._shape)
            assert now is not None, "a room never loses devices"
            entry = (now.in_s, now.missing, number)
            if entry == self._heap[0]:
                return number, now
            heapreplace(self._heap, entry)
        return None

    def _see_more(self) -> bool:
        """Look at the next agent that could; none can be better than one that serves at once and was seen before."""
        for number in self._unseen:
            if found := soonest(self._pool[number], self._shape):
                heappush(self._heap, (found.in_s, found.missing, number))
                return True
        return False


def forecast(line: Iterable[tuple[Wanted, Shape]], board: Board) -> Forecast:
    """Serve the runs of a line in turn with what will be free first, as long as the holders' ends are known.

    The first run of a shape whose start nobody knows takes its devices for good; those of its shape behind it are told
    nothing. The board is used up.
    """
    told = Forecast()
    searches: dict[Shape, _Search] = {}
    hopeless: set[Shape] = set()
    for number, (wanted, shape) in enumerate(line):
        if number >= _FORESEEN:
            break
        if shape not in hopeless and not _serve(wanted, shape, board, searches, told):
            hopeless.add(shape)
    return told


def _serve(wanted: Wanted, shape: Shape, board: Board, searches: dict[Shape, _Search], told: Forecast) -> bool:
    if shape not in searches:
        searches[shape] = _Search(board, shape)
    if not (found := searches[shape].first()):
        return False
    number, (in_s, _, cells) = found
    idle = [cell.device for cell in cells if not cell.holders]
    told.note(wanted, in_s, board.rooms[number].offer.agent.id, idle)
    left_s = None if wanted.expected_s is None or in_s == inf else in_s + wanted.expected_s
    for cell in cells:
        cell.take(holder_of(wanted, left_s))
    return in_s < inf
