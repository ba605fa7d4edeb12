"""The situation that placement decides in, read from the database: who waits, what is offered, who holds what."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import RunProgress
from gpurun_server.queue.agents import known_agents
from gpurun_server.queue.placement.offers import Holder, Offer, Wanted
from gpurun_server.store.queries import decode_devices, decode_labels, decode_spec
from gpurun_server.store.tables import agents, attempts, predecessors, revisions, runs, sessions

#: A run is asked to stop at its time limit, and killed this much later at the latest.
STOPPING_S = 30.0

_progress = msgspec.json.Decoder(RunProgress)


def waiting_runs(conn: sa.Connection) -> list[Wanted]:
    """The queue, in no order."""
    queue = _backlog_of(conn).look(conn)
    blocked = _unfinished_predecessors(conn)
    return [_after(run, blocked) for run in queue.runs.values()] if blocked else list(queue.runs.values())


def next_runs(conn: sa.Connection, everybody: Sequence[Offer]) -> list[Wanted]:
    """Of the queue all that a round can come to, in no order.

    Of runs that differ in age only these are as many as there are places, and one more, for which devices may be kept.
    Runs that others have to precede are left out: no round starts them.
    """
    queue = _backlog_of(conn).look(conn)
    blocked = _unfinished_predecessors(conn)
    places: dict[tuple[bool, int | None], int] = {}
    found: list[Wanted] = []
    for line in queue.lines.values():
        kind = (line[0].gpu == 0, line[0].memory_bytes)
        if kind not in places:
            places[kind] = _places(everybody, *kind)
        found += islice((run for run in line if run.run_id not in blocked), places[kind] + 1)
    return found


def how_many_wait(conn: sa.Connection) -> int:
    """The length of the queue."""
    return len(_backlog_of(conn).look(conn).runs)


def reservations(conn: sa.Connection) -> dict[str, str]:
    """By run id the agents where devices are kept for queued runs."""
    return dict(_backlog_of(conn).look(conn).reserved)


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
    """By agent id and device id the attempts that have not ended, and the sessions that keep devices between runs."""
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
    for row in conn.execute(sa.select(sessions)):
        idle = Holder(f"session {row.name}", f"session {row.name}", row.owner)
        for device in decode_devices(row.devices_json):
            held[row.agent_id, device.id] = held[row.agent_id, device.id] or [idle]
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


class _Backlog:
    """The queue of one database as this process saw it last; each look reads only the runs that have changed since.

    Every change of a run has a revision, and these become visible in order. What was seen in a transaction that is then
    rolled back is forgotten with all the rest.
    """

    def __init__(self) -> None:
        self.runs: dict[str, Wanted] = {}
        self.lines: dict[tuple[Any, ...], list[Wanted]] = defaultdict(list)  # differing in age only, oldest first
        self.reserved: dict[str, str] = {}
        self._line_of: dict[str, tuple[Any, ...]] = {}
        self._seen = 0  # revision
        self._lock = threading.Lock()

    def look(self, conn: sa.Connection) -> _Backlog:
        """Bring it up to date."""
        with self._lock:
            latest = conn.scalar(sa.select(revisions.c.latest)) or 0
            if latest < self._seen:  # the database was put back to an earlier state
                self.forget()
            if latest > self._seen:
                news = runs.c.revision > self._seen if self._seen else runs.c.state == State.QUEUED.value
                for row in conn.execute(_QUEUED.where(news)):
                    self._take(row)
                self._seen = latest
        return self

    def forget(self) -> None:
        """Read everything anew the next time."""
        self._seen = 0
        for known in (self.runs, self.lines, self.reserved, self._line_of):
            known.clear()

    def rolled_back(self, conn: sa.Connection) -> None:
        """A transaction that may have written was undone."""
        if conn.get_execution_options().get("gpurun_write"):
            with self._lock:
                self.forget()

    def _take(self, row: Any) -> None:
        if row.id in self.runs:
            self._drop(row.id)
        if row.state == State.QUEUED.value:
            run = self.runs[row.id] = _wanted(row)
            key = self._line_of[row.id] = (*_alike(run), row.session)
            insort(self.lines[key], run, key=_age)
            if row.reserved_on is not None:
                self.reserved[row.id] = row.reserved_on

    def _drop(self, run_id: str) -> None:
        run, key = self.runs.pop(run_id), self._line_of.pop(run_id)
        line = self.lines[key]
        del line[bisect_left(line, run.seq, key=_age)]
        if not line:
            del self.lines[key]
        self.reserved.pop(run_id, None)


_WANTED = ("id", "state", "gpu", "priority", "seq", "owner", "name", "session", "reserved_on", "spec_json")
_QUEUED = sa.select(*(runs.c[name] for name in _WANTED))
_alike = attrgetter("priority", "owner", "gpu", "memory_bytes", "pin", "on", "limit_s")
_age = attrgetter("seq")
_backlogs: WeakKeyDictionary[sa.Engine, _Backlog] = WeakKeyDictionary()


def _backlog_of(conn: sa.Connection) -> _Backlog:
    backlog = _backlogs.get(conn.engine)
    if backlog is None:
        backlog = _backlogs.setdefault(conn.engine, _Backlog())
        sa.event.listen(conn.engine, "rollback", backlog.rolled_back)
    return backlog


def _after(run: Wanted, blocked: Mapping[str, tuple[str, ...]]) -> Wanted:
    return msgspec.structs.replace(run, after=blocked[run.run_id]) if run.run_id in blocked else run


def _places(everybody: Sequence[Offer], cpu: bool, memory_bytes: int | None) -> int:
    """How many such runs all agents together could have at the same time, if nothing else ran."""
    devices = [one for offer in everybody for one in offer.agent.devices if (one.kind == "cpu") == cpu]
    if cpu or memory_bytes is None:
        return len(devices)
    return sum(max(1, (one.memory_total_bytes or 0) // memory_bytes) for one in devices)


def _wanted(row: Any) -> Wanted:
    spec = decode_spec(row.spec_json)
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
    )


def _holder(row: Any, now: float) -> Holder:
    spec = decode_spec(row.spec_json)
    left_s = _progress.decode(row.progress_json).left_s if row.progress_json else None
    begun = row.started_at or now
    limit_s = None if spec.timeout_s is None else max(0.0, begun + spec.timeout_s + STOPPING_S - now)
    return Holder(row.id, row.name, row.owner, spec.gpu_mem_bytes, left_s, limit_s)
