"""The ledger: the runs that wait and the attempts that are at work, kept in memory between transactions.

Every change of a run has a revision, and these become visible in order: a look reads only the runs that have changed
since the one before. Without it each claim and each list would read and decode the whole queue.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Hashable
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.lifecycle import ACTIVE, State
from gpurun_jupyter.core.runs import HEARD_OF, RunSpec
from gpurun_jupyter.core.secrets import needed_on
from gpurun_server.queue.ledger.roster import Roster
from gpurun_server.queue.ledger.running_attempts import STOPPING_S, RunningAttempts, running_attempt
from gpurun_server.queue.placement.offers import Wanted
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import decode_spec
from gpurun_server.store.statements import latest_revision
from gpurun_server.store.tables import attempts, runs


class Ledger:
    """What one process knows of one database. For one thread at a time, whose transactions follow one another."""

    def __init__(self) -> None:
        self.queue: dict[str, Wanted] = {}
        self.lines: dict[Hashable, list[Wanted]] = defaultdict(list)  # differing in age only, oldest first
        self.reserved: dict[str, str] = {}  # run id: the agent where devices are kept for it
        self.successors: set[str] = set()  # of the queue those that others may have to precede
        self.running = RunningAttempts()
        self.roster = Roster()
        self._line_of: dict[str, Hashable] = {}
        self._seen = 0  # revision

    def look(self, conn: sa.Connection) -> Ledger:
        """Bring it up to date."""
        # before the rows: PostgreSQL may show newer ones by then, which are read once more the next time
        latest = conn.scalar(latest_revision) or 0
        if latest < self._seen:  # the database was put back to an earlier state
            self.forget()
        if latest > self._seen:
            # the first time not by revision, which would read every run that there ever was
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
        self.running.clear()
        for known in (self.queue, self.lines, self.reserved, self.successors, self._line_of):
            known.clear()

    def _take(self, row: Any) -> None:
        if row.id in self.queue:
            self._drop(row.id)
        self.running.drop(row.id)
        state = State(row.state)
        if state is State.QUEUED:
            self._enqueue(row)
        elif state in ACTIVE and row.kind not in HEARD_OF:  # these hold no devices, and nobody here carries them out
            self.running.add(running_attempt(row, state))

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

_OF_RUNS = ("id", "kind", "state", "gpu", "priority", "seq", "owner", "name", "session", "reserved_on", "spec_json")
_OF_ATTEMPTS = ("attempt", "agent_id", "stop_by", "stop_kill", "started_at", "progress_json")
_OF_THE_ATTEMPT = (attempts.c.devices_json.label("held_json"), attempts.c.granted_at)
_ROWS = (
    sa.select(*(runs.c[name] for name in (*_OF_RUNS, *_OF_ATTEMPTS)), *_OF_THE_ATTEMPT)
    .select_from(runs)
    # a run that has never begun has none
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
        on=needed_on(spec),
        limit_s=None if spec.timeout_s is None else spec.timeout_s + STOPPING_S,
        session=row.session,
        kernel=spec.kernel,
    )
