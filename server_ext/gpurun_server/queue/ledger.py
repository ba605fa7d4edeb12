"""The ledger: the runs that wait and the attempts that are at work, kept in memory between transactions.

Every change of a run has a revision, and these become visible in order: a look reads only the runs that have changed
since the one before. Without it each claim and each list would read and decode the whole queue.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Hashable
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.lifecycle import ACTIVE, State
from gpurun_jupyter.core.runs import RunProgress, RunSpec
from gpurun_server.queue.placement.offers import Holder, Wanted
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import decode_devices, decode_spec
from gpurun_server.store.statements import latest_revision
from gpurun_server.store.tables import attempts, runs

#: A run is asked to stop at its time limit, and killed this much later at the latest.
STOPPING_S = 30.0

_progress = msgspec.json.Decoder(RunProgress)


class AtWork(NamedTuple):
    """An attempt that has not ended: what it holds, and what is known of its end."""

    run_id: str
    number: int
    agent_id: str
    devices: tuple[str, ...]  # ids
    name: str
    owner: str
    session: str | None
    state: State
    stop_by: str | None
    stop_kill: bool
    timeout_s: float | None
    started_at: float | None
    unlimited: Holder  # as placement sees it, but for its time limit

    @property
    def key(self) -> str:
        """`run/attempt`, as agents call it."""
        return f"{self.run_id}/{self.number}"

    def holder(self, now: float) -> Holder:
        """The same as placement sees it."""
        if self.timeout_s is None:
            return self.unlimited
        limit_s = max(0.0, (self.started_at or now) + self.timeout_s + STOPPING_S - now)
        return msgspec.structs.replace(self.unlimited, limit_s=limit_s)


class Ledger:
    """What one process knows of one database. For one thread at a time, whose transactions follow one another."""

    def __init__(self) -> None:
        self.queue: dict[str, Wanted] = {}
        self.lines: dict[Hashable, list[Wanted]] = defaultdict(list)  # differing in age only, oldest first
        self.reserved: dict[str, str] = {}  # run id: the agent where devices are kept for it
        self.successors: set[str] = set()  # of the queue those that others may have to precede
        self.at_work: dict[str, AtWork] = {}
        self._line_of: dict[str, Hashable] = {}
        self._seen = 0  # revision

    def look(self, conn: sa.Connection) -> Ledger:
        """Bring it up to date."""
        latest = conn.scalar(latest_revision) or 0
        if latest < self._seen:  # the database was put back to an earlier state
            self.forget()
        if latest > self._seen:
            for row in conn.execute(_CHANGED, {"seen": self._seen}) if self._seen else conn.execute(_UNFINISHED):
                self._take(row)
            self._seen = latest
        return self

    def look_while(self, writing: Writing) -> Ledger:
        """The same within a transaction that writes: should it be undone, what was seen of it is forgotten."""
        writing.if_undone.append(self.forget)
        return self.look(writing.conn)

    def forget(self) -> None:
        """Read everything anew the next time."""
        self._seen = 0
        for known in (self.queue, self.lines, self.reserved, self.successors, self.at_work, self._line_of):
            known.clear()

    def busy_sessions(self) -> dict[tuple[str, str], AtWork]:
        """By owner and name the attempts that sessions carry out now."""
        return {(one.owner, one.session): one for one in self.at_work.values() if one.session is not None}

    def _take(self, row: Any) -> None:
        if row.id in self.queue:
            self._drop(row.id)
        self.at_work.pop(row.id, None)
        state = State(row.state)
        if state is State.QUEUED:
            self._enqueue(row)
        elif state in ACTIVE:
            self.at_work[row.id] = _at_work(row, state)

    def _enqueue(self, row: Any) -> None:
        spec = decode_spec(row.spec_json)
        run = self.queue[row.id] = _wanted(row, spec)
        key = self._line_of[row.id] = _alike(run)
        insort(self.lines[key], run, key=_age)
        if row.reserved_on is not None:
            self.reserved[row.id] = row.reserved_on
        if spec.after:
            self.successors.add(row.id)

    def _drop(self, run_id: str) -> None:
        run, key = self.queue.pop(run_id), self._line_of.pop(run_id)
        line = self.lines[key]
        del line[bisect_left(line, run.seq, key=_age)]
        if not line:
            del self.lines[key]
        self.reserved.pop(run_id, None)
        self.successors.discard(run_id)


_alike = attrgetter("priority", "owner", "gpu", "memory_bytes", "pin", "on", "kernel", "limit_s", "session")
_age = attrgetter("seq")

_OF_RUNS = ("id", "state", "gpu", "priority", "seq", "owner", "name", "session", "reserved_on", "spec_json")
_OF_ATTEMPTS = ("attempt", "agent_id", "stop_by", "stop_kill", "started_at", "progress_json")
_ROWS = (
    sa.select(*(runs.c[name] for name in (*_OF_RUNS, *_OF_ATTEMPTS)), attempts.c.devices_json.label("held_json"))
    .select_from(runs)
    .outerjoin(attempts, sa.and_(attempts.c.run_id == runs.c.id, attempts.c.number == runs.c.attempt))
)
_CHANGED = _ROWS.where(runs.c.revision > sa.bindparam("seen"))
_UNFINISHED = _ROWS.where(runs.c.state.in_([State.QUEUED.value, *(state.value for state in sorted(ACTIVE))]))


def _wanted(row: Any, spec: RunSpec) -> Wanted:
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
        session=row.session,
        kernel=spec.kernel,
    )


def _at_work(row: Any, state: State) -> AtWork:
    spec = decode_spec(row.spec_json)
    left_s = _progress.decode(row.progress_json).left_s if row.progress_json else None
    return AtWork(
        run_id=row.id,
        number=row.attempt,
        agent_id=row.agent_id,
        devices=tuple(device.id for device in decode_devices(row.held_json)),
        name=row.name,
        owner=row.owner,
        session=row.session,
        state=state,
        stop_by=row.stop_by,
        stop_kill=bool(row.stop_kill),
        timeout_s=spec.timeout_s,
        started_at=row.started_at,
        unlimited=Holder(row.id, row.name, row.owner, spec.gpu_mem_bytes, left_s),
    )
