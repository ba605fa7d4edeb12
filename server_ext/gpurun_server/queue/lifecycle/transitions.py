"""Changes of state: the one place where a run's state is written, together with its history."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from gpurun_jupyter.core.errors import RunNotFound, WrongState
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State, allowed
from gpurun_server.queue.ledger.recent_use import book_attempt
from gpurun_server.store import statements
from gpurun_server.store.database import Writing
from gpurun_server.store.summaries import forget_logged, in_columns


def next_revision(writing: Writing) -> int:
    """The number of this change. Its row is locked until the commit, so numbers become visible in order."""
    return _next_revisions(writing, 1)


def move(
    writing: Writing,
    run_id: str,
    after: State,
    *,
    by: str,
    outcome: Outcome | None = None,
    reason: Reason | None = None,
    message: str = "",
    at: float | None = None,
    **columns: Any,
) -> None:
    """Bring a run into another state and write that into its history, as of now unless it was at another time.

    Raises WrongState and RunNotFound.
    """
    now, conn = at or time.time(), writing.conn
    before = _state_of(writing, run_id)
    _check(run_id, before, after)
    values = {"state": after.value, "revision": next_revision(writing), **_entering(after, now), **columns}
    if after is State.FINISHED:
        values |= {"outcome": outcome, "reason": reason, "message": message}
        writing.finished.add(run_id)
    if after in (State.FINISHED, State.QUEUED):  # in these states a run has no open attempt
        # before they are ended: it counts those that are open
        book_attempt(conn, run_id, now)
        conn.execute(statements.end_attempts, {statements.KEY: run_id, "ended_at": now})
    if after is State.QUEUED:
        forget_logged(conn, run_id)
    _change(writing, run_id, values)
    record(writing, run_id, before, after, by=by, outcome=outcome, reason=reason, message=message, at=now)
    _ring(writing, run_id, after)


def go_on(writing: Writing, run_id: str, *, by: str) -> None:
    """Have a run that has finished at work again: one that gpurun only hears of, of which no attempt is carried out."""
    values = {"state": State.RUNNING.value, "message": "", "revision": next_revision(writing)}
    values |= dict.fromkeys(("outcome", "reason", "finished_at"))
    writing.conn.execute(statements.reopen_attempts, {statements.KEY: run_id})
    _change(writing, run_id, values)
    record(writing, run_id, State.FINISHED, State.RUNNING, by=by, at=time.time())
    _ring(writing, run_id, State.RUNNING)


def start_all(writing: Writing, changes: Mapping[str, dict[str, Any]], *, by: str) -> None:
    """Bring queued runs into the state `starting`, each with its own changes of the same columns, in few statements.

    The caller has read in this transaction that they are queued.
    """
    if not changes:
        return
    now, conn = time.time(), writing.conn
    first = _next_revisions(writing, len(changes)) - len(changes) + 1
    rows = [
        {statements.KEY: run_id, "state": State.STARTING.value, "revision": revision, **columns}
        for revision, (run_id, columns) in enumerate(changes.items(), first)
    ]
    conn.execute(statements.change_run(tuple(name for name in rows[0] if name != statements.KEY)), rows)
    conn.execute(
        statements.insert_history, [_line(run_id, State.QUEUED, State.STARTING, by=by, at=now) for run_id in changes]
    )
    for run_id in changes:
        _ring(writing, run_id, State.STARTING)


def record(writing: Writing, run_id: str, before: State | None, after: State, *, at: float, **columns: Any) -> None:
    """Add a line to a run's history."""
    writing.conn.execute(statements.insert_history, _line(run_id, before, after, at=at, **columns))


def touch(writing: Writing, run_id: str, **columns: Any) -> None:
    """Change columns of a run other than its state."""
    # whatever it is: ledgers and clients read only what has a newer revision
    _change(writing, run_id, {"revision": next_revision(writing), **columns})
    writing.rings.add(f"run {run_id}")


def _next_revisions(writing: Writing, count: int) -> int:
    """Take so many at once; returns the last of them."""
    writing.conn.execute(statements.next_revisions, {"count": count})
    return int(writing.conn.scalar(statements.latest_revision) or 0)


def _check(run_id: str, before: State, after: State) -> None:
    if not allowed(before, after):
        raise WrongState(f"Run {run_id} is {before.value}; it cannot become {after.value}.")


def _entering(state: State, now: float) -> dict[str, Any]:
    """What changes with a state, whatever brought the run there."""
    if state is State.FINISHED:
        return {"finished_at": now}
    if state is State.QUEUED:  # for the first time, or given back: nothing of an attempt before is left
        anew = {"started_at": None, "stop_by": None, "stop_kill": False, "progress_json": None, "meta_json": None}
        return {"queued_at": now, "agent_id": None, "devices_json": "[]", **anew, **in_columns({})}
    return {}


def _change(writing: Writing, run_id: str, values: dict[str, Any]) -> None:
    writing.conn.execute(statements.change_run(tuple(values)), {statements.KEY: run_id, **values})


def _line(run_id: str, before: State | None, after: State, *, at: float, by: str, **columns: Any) -> dict[str, Any]:
    told = {"outcome": None, "reason": None, "message": "", **columns}
    return {"run_id": run_id, "at": at, "before": before and before.value, "after": after.value, "by": by, **told}


def _ring(writing: Writing, run_id: str, after: State) -> None:
    """Lists show it anew; agents are woken by what may be work for them."""
    writing.rings |= {f"run {run_id}", "queue"}
    # not by an end: the agent that reports one claims in the same transaction
    if after in (State.QUEUED, State.STOPPING):
        writing.rings.add("work")


def _state_of(writing: Writing, run_id: str) -> State:
    state = writing.conn.scalar(statements.state_of_run, {statements.KEY: run_id})
    if state is None:
        raise RunNotFound(f"There is no run {run_id!r}.")
    return State(state)
