"""Why a queued run waits, as a sentence, and until when."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from gpurun_jupyter.core.alternatives import CPU_SLOT
from gpurun_jupyter.core.runs import Waiting
from gpurun_server.queue.placement.blockers import Blockers, InTheWay, about, listed, what
from gpurun_server.queue.placement.board import Board
from gpurun_server.queue.placement.forecast import Forecast, forecast
from gpurun_server.queue.placement.lacking import lacking, with_kernel
from gpurun_server.queue.placement.offers import Held, Offer, Shape, Wanted, capable
from gpurun_server.queue.placement.order import ranked
from gpurun_server.queue.placement.shares import Lately, nothing


def outlooks(
    queue: Sequence[Wanted],
    offers: Sequence[Offer],
    held: Held,
    *,
    engines: Collection[str] = (),
    only: Collection[str] | None = None,
    viewer: str | None = None,
    lately: Lately = nothing,
) -> dict[str, Waiting]:
    """Of every queued run, or of those in `only`, its place, why it waits and until when.

    The place is that among the runs for GPUs, or among those for CPU slots. `engines` are those that place runs
    without agents. `viewer` is who is told: the runs of others have no names then; None is told everything.
    `lately` is what owners had of late.
    """
    told: dict[str, Waiting] = {}
    for cpu in (False, True):
        waiting = [wanted for wanted in queue if (wanted.gpu == 0) == cpu]
        if waiting:
            told |= _Line(waiting, Board(offers, held, lately, cpu=cpu), offers, held, engines, viewer).outlooks(only)
    return told


_asked = attrgetter("gpu", "memory_bytes", "pin", "on", "kernel")
_competing = attrgetter("priority", "pin", "on", "kernel")


class _Kind(NamedTuple):
    """What queued runs have in common that ask for the same: thousands of runs are of a few kinds."""

    shape: Shape
    weight: float  # what each adds to its owner's share; 0 where nobody could serve it
    startable: bool


class _Line:
    """Those that wait for GPUs, or those that wait for CPU slots."""

    def __init__(
        self,
        queue: Sequence[Wanted],
        board: Board,
        offers: Sequence[Offer],
        held: Held,
        engines: Collection[str],
        viewer: str | None,
    ) -> None:
        self._offers, self._engines = offers, engines
        self._board = board
        self._absent: dict[Shape, str | None] = {}
        self._blocking: dict[Shape, InTheWay] = {}
        self._kinds = {asked: self._kind(one) for asked, one in {_asked(wanted): wanted for wanted in queue}.items()}
        self._order = ranked(queue, lambda one: 0.0 if one.after else self._kinds[_asked(one)].weight, board.future)
        self._forecast: Forecast = forecast(self._startable(), board)
        self._blockers = Blockers(offers, held, self._forecast.kept, viewer)

    def outlooks(self, only: Collection[str] | None) -> dict[str, Waiting]:
        starts = self._forecast.starts_in_s
        return {
            wanted.run_id: Waiting(position, self._why(wanted, position, favoured), starts.get(wanted.run_id))
            for position, (wanted, favoured) in enumerate(self._turns(), 1)
            if only is None or wanted.run_id in only
        }

    def _turns(self) -> Iterator[tuple[Wanted, str]]:
        """The queue in its order; with each run whoever goes first though he came later and wants the same."""
        latest: dict[Hashable, Wanted] = {}
        for wanted in self._order:
            alike = _competing(wanted)
            first = latest.get(alike, wanted)
            yield wanted, first.owner if first.seq > wanted.seq else ""
            if wanted.seq >= first.seq and self._kinds[_asked(wanted)].startable and not wanted.after:
                latest[alike] = wanted

    def _kind(self, wanted: Wanted) -> _Kind:
        shape = wanted.shape.lasting
        if wanted.on in self._engines or self._nobody(shape) is not None:
            return _Kind(shape, 0.0, False)
        part = 1.0 if shape.memory_bytes is None else min(1.0, shape.memory_bytes / self._board.most_bytes)
        return _Kind(shape, shape.size * part, True)

    def _startable(self) -> Iterator[tuple[Wanted, Shape]]:
        for wanted in self._order:
            kind = self._kinds[_asked(wanted)]
            if kind.startable and not wanted.after:
                yield wanted, kind.shape

    def _why(self, wanted: Wanted, position: int, favoured: str) -> str:
        shape = self._kinds[_asked(wanted)].shape
        if wanted.after:
            return f"waits for {listed([f'«{name}»' for name in wanted.after])} to finish"
        if wanted.on in self._engines:
            return f"waits for {wanted.on} to place it"
        if nobody := self._nobody(shape):
            return nobody
        if self._forecast.starts_in_s.get(wanted.run_id) == 0:
            return f"{what(shape)} {'are' if shape.size > 1 else 'is'} free; it starts now"
        fairness = f"; {favoured}, who has had less of late, goes first" if favoured else ""
        return self._behind(wanted, shape, position) + fairness

    def _behind(self, wanted: Wanted, shape: Shape, position: int) -> str:
        if shape not in self._blocking:
            self._blocking[shape] = self._blockers.of(shape)
        if who := self._blocking[shape].but_for(wanted.run_id):
            return f"waits for {what(shape)}: {who}"
        ahead = position - 1
        return f"waits for {what(shape)}" + (f", behind {ahead} other{'s' if ahead > 1 else ''}" if ahead else "")

    def _nobody(self, shape: Shape) -> str | None:
        if shape not in self._absent:
            self._absent[shape] = why_nobody(shape, self._offers)
        return self._absent[shape]


def why_nobody(shape: Shape, offers: Sequence[Offer]) -> str | None:
    """Why no agent of now could serve such a run, even if all its devices were free; None if one could."""
    able = capable(shape, offers)
    if any(offer.claiming and offer.agent.health == "healthy" for offer in able):
        return None
    if all(offer.agent.health == "disconnected" for offer in offers):
        return "no agent is connected; it starts when one is"
    them = "them" if shape.size > 1 else "it"
    if able:
        return f"waits for {what(shape)}: {able[0].agent.id} has {them}, but {_out_of_reach(able[0])}"
    if short := lacking(shape.needs, offers):
        return short
    if unknown := next((need for need in shape.needs if not any(offer.is_called(need) for offer in offers)), None):
        return f"waits for {what(shape)}: no agent is called or labelled «{unknown}»; it starts when one joins"
    wanted = f"{what(shape)}{with_kernel(shape)}"
    slot = "" if shape.gpu == 0 or any(map(_has_gpus, offers)) else f"with {CPU_SLOT} it would run on a CPU slot, else "
    return f"waits for {wanted}: no agent that is here has {them}; {slot}it starts when one that does joins"


def _has_gpus(offer: Offer) -> bool:
    return any(device.kind != "cpu" for device in offer.agent.devices)


def _out_of_reach(offer: Offer) -> str:
    if offer.claiming:
        return f"has not been heard for {about(offer.agent.heard_s_ago)}"
    return "takes no new runs"
