"""Which waiting run gets which devices: a pure function of the queue, the agents and what is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from gpurun_jupyter.core.devices import Device
from gpurun_server.queue.placement.board import Board, holder_of
from gpurun_server.queue.placement.cells import Soonest
from gpurun_server.queue.placement.offers import Held, Offer, Shape, Wanted
from gpurun_server.queue.placement.order import Turns
from gpurun_server.queue.placement.shares import Lately, nothing

#: A reservation goes to another agent if the run would start there in less than this part of the time.
_WORTH_MOVING = 0.5


@dataclass(frozen=True)
class Placement:
    """A run and the devices of one agent that it gets."""

    run_id: str
    devices: tuple[Device, ...]
    agent_id: str = ""


@dataclass(frozen=True)
class Reservation:
    """A run that cannot start yet, and the devices that are kept for it; `in_s` is None where nobody knows."""

    run_id: str
    agent_id: str
    devices: tuple[str, ...]
    in_s: float | None


@dataclass(frozen=True)
class Plan:
    """What a round decided."""

    placements: tuple[Placement, ...] = ()
    reservations: tuple[Reservation, ...] = ()

    def __add__(self, other: Plan) -> Plan:
        return Plan(self.placements + other.placements, self.reservations + other.reservations)


def plan(
    queue: Sequence[Wanted],
    offers: Sequence[Offer],
    held: Held,
    *,
    claimer: str | None = None,
    kept: Mapping[str, str] | None = None,
    lately: Lately = nothing,
) -> Plan:
    """Give free devices to the queue, in its order.

    With a `claimer` (an agent's id) the placements are those of this agent, and a run that can start there does: it
    claims now, others may be about to. `kept` says for which agent a run's reservation was the last time, `lately` what
    owners had of late.
    """
    made = Plan()
    for cpu in (False, True):
        if line := [wanted for wanted in queue if (wanted.gpu == 0) == cpu]:
            board = Board(offers, held, lately, cpu=cpu, claimer=claimer)
            made += _Round(board, claimer, kept or {}).run(line)
    return made


def has_room(offer: Offer, held: Held) -> bool:
    """Whether anything at all could start on an agent that claims: if not, the queue need not be read."""
    agent = offer.agent.id
    return any(Board([offer], held, nothing, cpu=cpu, claimer=agent).is_open(agent) for cpu in (False, True))


@dataclass
class _Round:
    """A round over the GPUs or over the CPU slots: neither holds up the other."""

    board: Board
    claimer: str | None
    kept: Mapping[str, str]
    placements: list[Placement] = field(default_factory=list)
    reservations: list[Reservation] = field(default_factory=list)
    reserved: set[Shape] = field(default_factory=set)

    def run(self, queue: Iterable[Wanted]) -> Plan:
        if self.board.is_open(self.claimer):
            self._serve(Turns(queue, self.board.shares))
        return Plan(tuple(self.placements), tuple(self.reservations))

    def _serve(self, turns: Turns) -> None:
        self.board.expect(turns.least_bytes)
        while self.board.is_open(self.claimer) and (turn := turns.next()):
            share = self._start(*turn)
            if share:
                turns.serve(share)
            else:
                turns.pass_over(turn[1])
                self._reserve(*turn)

    def _start(self, wanted: Wanted, shape: Shape) -> float:
        found = self.board.find(shape)
        if not found:
            return 0.0
        number, (_, cells) = found
        agent_id = self.board.rooms[number].offer.agent.id
        # what others should get is taken all the same, so that it is left for their own claims
        if self.claimer in (None, agent_id):
            self.placements.append(Placement(wanted.run_id, tuple(cell.device for cell in cells), agent_id))
        return self.board.take(number, cells, holder_of(wanted))

    def _reserve(self, wanted: Wanted, shape: Shape) -> None:
        """Keep devices for the first run of each shape that has to wait, so that small runs never starve a big one.

        Without a time limit: two runs that differ in it only wait for the same.
        """
        shape = shape.lasting
        if shape in self.reserved or not (found := self.board.soonest(shape)):
            return
        self.reserved.add(shape)
        in_s, _, number, where = _choose(found, self._number_of(self.kept.get(wanted.run_id)))
        # by time limits alone: estimates may be wrong, and the run that waits would wait longer
        until_s = max(cell.certain_s(shape.memory_bytes) for cell in where.cells)
        for cell in where.cells:
            cell.keep(0.0 if until_s == inf else until_s)
        self.board.touch(number)
        agent_id = self.board.rooms[number].offer.agent.id
        devices = tuple(cell.device.id for cell in where.cells)
        self.reservations.append(Reservation(wanted.run_id, agent_id, devices, None if in_s == inf else in_s))

    def _number_of(self, agent_id: str | None) -> int | None:
        return next((n for n, room in enumerate(self.board.rooms) if room.offer.agent.id == agent_id), None)


def _choose(found: list[tuple[float, int, int, Soonest]], before: int | None) -> tuple[float, int, int, Soonest]:
    """Where the run can start first; but with the agent of the last time, unless another is clearly better.

    Else an agent's devices might be given up just before they are complete, again and again.
    """
    best = min(found, key=lambda one: one[:3])
    for one in found:
        if one[2] == before:
            sooner = best[0] < one[0] * _WORTH_MOVING
            fewer = best[0] == one[0] == inf and best[1] < one[1]
            return best if sooner or fewer else one
    return best
