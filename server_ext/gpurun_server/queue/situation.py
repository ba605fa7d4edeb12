"""The situation that placement decides in, read from the database: who waits, what is offered, who holds what."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import RunProgress, RunSpec
from gpurun_server.queue.agents import known_agents
from gpurun_server.queue.placement.offers import Holder, Offer, Wanted
from gpurun_server.store.queries import decode_devices, decode_labels, decode_spec
from gpurun_server.store.tables import agents, attempts, predecessors, runs

#: A run is asked to stop at its time limit, and killed this much later at the latest.
STOPPING_S = 30.0

_progress = msgspec.json.Decoder(RunProgress)


def waiting_runs(conn: sa.Connection) -> list[Wanted]:
    """The queue, in no order."""
    query = sa.select(runs.c.id, runs.c.gpu, runs.c.priority, runs.c.seq, runs.c.owner, runs.c.name, runs.c.spec_json)
    unfinished = _unfinished_predecessors(conn)
    rows = conn.execute(query.where(runs.c.state == State.QUEUED.value))
    return [_wanted(row, decode_spec(row.spec_json), unfinished.get(row.id, ())) for row in rows]


def offers(conn: sa.Connection) -> list[Offer]:
    """What every agent offers, those that are out of sight too."""
    labels = {
        row.id: decode_labels(row.labels_json) for row in conn.execute(sa.select(agents.c.id, agents.c.labels_json))
    }
    return [
        Offer(
            agent,
            labels=frozenset(labels.get(agent.id, ())),
            locked=frozenset(device.id for device in agent.devices if device.locked and device.run_id is None),
        )
        for agent in known_agents(conn)
    ]


def holders(conn: sa.Connection) -> dict[tuple[str, str], list[Holder]]:
    """By agent id and device id the attempts that have not ended."""
    query = (
        sa.select(attempts.c.agent_id, attempts.c.devices_json.label("held_json"), runs)
        .join(runs, runs.c.id == attempts.c.run_id)
        .where(attempts.c.ended_at.is_(None))
    )
    held: dict[tuple[str, str], list[Holder]] = defaultdict(list)
    now = time.time()
    for row in conn.execute(query):
        holder = _holder(row, now)
        for device in decode_devices(row.held_json):
            held[row.agent_id, device.id].append(holder)
    return held


def _unfinished_predecessors(conn: sa.Connection) -> dict[str, tuple[str, ...]]:
    query = (
        sa.select(predecessors.c.run_id, runs.c.name)
        .join(runs, runs.c.id == predecessors.c.after_id)
        .where(runs.c.state != State.FINISHED.value)
    )
    waits: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for row in conn.execute(query):
        waits[row.run_id] += (row.name,)
    return waits


def _wanted(row: Any, spec: RunSpec, after: tuple[str, ...]) -> Wanted:
    return Wanted(
        run_id=row.id,
        gpu=row.gpu,
        priority=row.priority,
        seq=row.seq,
        owner=row.owner,
        name=row.name,
        memory_bytes=spec.gpu_mem_bytes,
        pin=spec.device,
        on=spec.on,
        limit_s=None if spec.timeout_s is None else spec.timeout_s + STOPPING_S,
        after=after,
    )


def _holder(row: Any, now: float) -> Holder:
    spec = decode_spec(row.spec_json)
    left_s = _progress.decode(row.progress_json).left_s if row.progress_json else None
    begun = row.started_at or now
    limit_s = None if spec.timeout_s is None else max(0.0, begun + spec.timeout_s + STOPPING_S - now)
    return Holder(row.id, row.name, row.owner, spec.gpu_mem_bytes, left_s, limit_s)
