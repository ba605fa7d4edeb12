"""The order of one person's waiting runs: priority first, then age. Moving one changes as few priorities as it can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from gpurun_jupyter.core.errors import WrongState
from gpurun_jupyter.core.lifecycle import State
from gpurun_server.queue.lifecycle.transitions import touch
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import find, owned_by
from gpurun_server.store.tables import runs

#: As in RunSpec.
_LOWEST, _HIGHEST = -1000, 1000


class Place(NamedTuple):
    """A run in the queue of its owner."""

    id: str
    priority: int
    seq: int


def move_before(writing: Writing, reference: str, before: str | None, *, owner: str) -> dict[str, int]:
    """Let a waiting run come right before another one of its owner, or last; returns the priorities that changed.

    Raises RunNotFound, AmbiguousRun, WrongState and InvalidRequest.
    """
    moved = _waiting_run(writing.conn, reference, owner)
    following = None if before is None else _waiting_run(writing.conn, before, owner)
    changes = reordered(_queue_of(writing.conn, owner), moved, following)
    for run_id, priority in changes.items():
        touch(writing, run_id, priority=priority)
    if changes:
        writing.rings |= {"queue", "work"}
    return changes


def _waiting_run(conn: sa.Connection, reference: str, owner: str) -> str:
    run = find(conn, reference, owner)
    if State(run.state) is not State.QUEUED:
        raise WrongState(f"Run {run.name} ({run.id}) is {run.state}.", "Only waiting runs have a place in the queue.")
    return str(run.id)


def _queue_of(conn: sa.Connection, owner: str) -> list[Place]:
    waits = sa.and_(owned_by(owner), runs.c.state == State.QUEUED.value, runs.c.deleted_at.is_(None))
    query = sa.select(runs.c.id, runs.c.priority, runs.c.seq).where(waits)
    return [Place(*row) for row in conn.execute(query.order_by(runs.c.priority.desc(), runs.c.seq))]


def reordered(queue: Sequence[Place], moved: str, following: str | None) -> dict[str, int]:
    """The priorities to change so that `moved` comes right before `following`, or last. Raises WrongState.

    It gets the priority of a neighbour, or the next to it, or keeps its own; those in front of it are raised and those
    behind it lowered where that is needed. Of these ways the one that changes the fewest runs is taken.
    """
    if moved == following:
        return {}
    rest = [place for place in queue if place.id != moved]
    index = next((i for i, place in enumerate(rest) if place.id == following), len(rest))
    one = next(place for place in queue if place.id == moved)
    plans = [_around(rest[:index], one, rest[index:], priority) for priority in _candidates(rest, index, one)]
    possible = [plan for plan in plans if all(_LOWEST <= priority <= _HIGHEST for priority in plan.values())]
    if not possible:
        raise WrongState("The priorities of these runs leave no room.", "Bring some nearer to 0 first.")
    return min(possible, key=lambda plan: (len(plan), moved not in plan))


def _candidates(rest: Sequence[Place], index: int, one: Place) -> list[int]:
    """Priorities that the run may get, those nearest to its own first."""
    near = {place.priority + step for place in rest[max(0, index - 1) : index + 1] for step in (-1, 0, 1)}
    return sorted(near | {one.priority}, key=lambda priority: abs(priority - one.priority))


def _around(front: Sequence[Place], one: Place, behind: Sequence[Place], priority: int) -> dict[str, int]:
    """What to change so that the run has this priority and stands between these."""
    changes = {} if priority == one.priority else {one.id: priority}
    here = one._replace(priority=priority)
    lowered = _raised(_mirrored(behind), *_mirrored([here]))
    return changes | _raised(front, here) | {run_id: -mirrored for run_id, mirrored in lowered.items()}


def _raised(front: Sequence[Place], behind: Place) -> dict[str, int]:
    """What to change so that all of `front` come before the run behind them, in their order."""
    changes: dict[str, int] = {}
    for place in reversed(front):
        least = behind.priority if place.seq < behind.seq else behind.priority + 1
        if place.priority >= least:
            break  # those in front of it come first anyway
        changes[place.id] = least
        behind = place._replace(priority=least)
    return changes


def _mirrored(order: Sequence[Place]) -> list[Place]:
    """The same seen from the other end, where raising is lowering."""
    return [Place(place.id, -place.priority, -place.seq) for place in reversed(order)]
