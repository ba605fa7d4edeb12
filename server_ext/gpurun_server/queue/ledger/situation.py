"""The situation that placement decides in: who waits, what is offered, who holds what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.sessions import Session
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.ledger.running_attempts import Place
from gpurun_server.queue.placement.offers import Held, Holder, Offer, Wanted
from gpurun_server.store.tables import predecessors, runs


def waiting_runs(conn: sa.Connection, ledger: Ledger) -> list[Wanted]:
    """The queue, in no order."""
    blocked = _unfinished_predecessors(conn, ledger)
    queue = ledger.queue.values()
    return [_after(run, blocked) for run in queue] if blocked else list(queue)


def next_runs(conn: sa.Connection, ledger: Ledger, everybody: Sequence[Offer], held: Held) -> list[Wanted]:
    """Of the queue all that a round can come to, in no order.

    Of runs that differ in age only these are as many as there are places, and one more, for which devices may be kept.
    Runs that others have to precede are left out: no round starts them.
    """
    blocked = _unfinished_predecessors(conn, ledger)
    places: dict[tuple[bool, int | None], int] = {}
    found: list[Wanted] = []
    for line in ledger.lines.values():
        kind = (line[0].gpu == 0, line[0].memory_bytes)
        if kind not in places:
            places[kind] = _places(everybody, held, *kind)
        found += islice((run for run in line if run.run_id not in blocked), places[kind] + 1)
    return found


def holders(ledger: Ledger, sessions: Sequence[Session]) -> dict[Place, Sequence[Holder]]:
    """The attempts that have not ended, and the sessions that keep devices between runs."""
    held: dict[Place, Sequence[Holder]] = {**ledger.running.holders()}
    for session in sessions:
        idle = Holder(f"session {session.name}", f"session {session.name}", session.owner)
        for device in session.devices:
            # where one of its runs is at work, that one is told
            held.setdefault((session.agent, device.id), (idle,))
    return held


_BLOCKED = (
    sa.select(predecessors.c.run_id, runs.c.name)
    .join(runs, runs.c.id == predecessors.c.after_id)
    .where(runs.c.state != State.FINISHED.value, predecessors.c.run_id.in_(sa.bindparam("keys", expanding=True)))
)


def _unfinished_predecessors(conn: sa.Connection, ledger: Ledger) -> dict[str, tuple[str, ...]]:
    """By the id of a queued run the names of those that have to succeed before it."""
    waits: dict[str, tuple[str, ...]] = defaultdict(tuple)
    # asked each time: a run that ends changes no row of those that wait for it, so no ledger hears
    if ledger.successors:
        for row in conn.execute(_BLOCKED, {"keys": list(ledger.successors)}):
            waits[row.run_id] += (row.name,)
    return waits


def _after(run: Wanted, blocked: Mapping[str, tuple[str, ...]]) -> Wanted:
    return msgspec.structs.replace(run, after=blocked[run.run_id]) if run.run_id in blocked else run


def _places(everybody: Sequence[Offer], held: Held, cpu: bool, memory_bytes: int | None) -> int:
    """How many such runs could start at most: one on each device that nobody has, or as many as share one."""
    there = [(offer.agent.id, one) for offer in everybody for one in offer.agent.devices if (one.kind == "cpu") == cpu]
    if cpu or memory_bytes is None:
        return sum([(agent_id, one.id) not in held for agent_id, one in there])
    return sum(max(1, (one.memory_total_bytes or 0) // memory_bytes) for _, one in there)
