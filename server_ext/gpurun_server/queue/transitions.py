"""Changes of state: the one place where a run's state is written, together with its history."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.errors import RunNotFound, WrongState
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State, allowed
from gpurun_server.store.database import Writing
from gpurun_server.store.tables import attempts, history, revisions, runs


def next_revision(writing: Writing) -> int:
    """The number of this change. Its row is locked until the commit, so numbers become visible in order."""
    conn = writing.conn
    conn.execute(sa.update(revisions).values(latest=revisions.c.latest + 1))
    return int(conn.scalar(sa.select(revisions.c.latest)) or 0)


def move(
    writing: Writing,
    run_id: str,
    after: State,
    *,
    by: str,
    outcome: Outcome | None = None,
    reason: Reason | None = None,
    message: str = "",
    **columns: Any,
) -> None:
    """Bring a run into another state and write that into its history. Raises WrongState and RunNotFound."""
    now = time.time()
    before = _state_of(writing.conn, run_id)
    if not allowed(before, after):
        raise WrongState(f"Run {run_id} is {before.value}; it cannot become {after.value}.")
    values = {"state": after.value, "revision": next_revision(writing), **_entering(after, now), **columns}
    if after is State.FINISHED:
        values |= {"outcome": outcome, "reason": reason, "message": message}
    if after in (State.FINISHED, State.QUEUED):
        _end_attempts(writing.conn, run_id, now)
    writing.conn.execute(sa.update(runs).where(runs.c.id == run_id).values(**values))
    record(writing, run_id, before, after, by=by, outcome=outcome, reason=reason, message=message, at=now)
    writing.rings |= {f"run {run_id}", "queue"}


def _entering(state: State, now: float) -> dict[str, Any]:
    """What changes with a state, whatever brought the run there."""
    if state is State.FINISHED:
        return {"finished_at": now}
    if state is State.QUEUED:  # for the first time, or given back: nothing of an attempt before is left
        anew = {"started_at": None, "stop_by": None, "stop_kill": False, "progress_json": None, "metrics_json": "{}"}
        return {"queued_at": now, "agent_id": None, "devices_json": "[]", **anew}
    return {}


def record(writing: Writing, run_id: str, before: State | None, after: State, *, at: float, **columns: Any) -> None:
    """Add a line to a run's history."""
    row = {"run_id": run_id, "at": at, "before": before and before.value, "after": after.value, **columns}
    writing.conn.execute(sa.insert(history).values(**row))


def touch(writing: Writing, run_id: str, **columns: Any) -> None:
    """Change columns of a run other than its state."""
    values = {"revision": next_revision(writing), **columns}
    writing.conn.execute(sa.update(runs).where(runs.c.id == run_id).values(**values))
    writing.rings.add(f"run {run_id}")


def _state_of(conn: sa.Connection, run_id: str) -> State:
    state = conn.scalar(sa.select(runs.c.state).where(runs.c.id == run_id).with_for_update())
    if state is None:
        raise RunNotFound(f"There is no run {run_id!r}.")
    return State(state)


def _end_attempts(conn: sa.Connection, run_id: str, now: float) -> None:
    open_attempts = sa.and_(attempts.c.run_id == run_id, attempts.c.ended_at.is_(None))
    conn.execute(sa.update(attempts).where(open_attempts).values(ended_at=now))
