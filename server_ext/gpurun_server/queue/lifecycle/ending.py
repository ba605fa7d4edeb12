"""The end of an attempt, and what follows: the run has finished, tries again, or goes back to the queue."""

from __future__ import annotations

import time

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_server.queue.lifecycle.children import ends_of_children
from gpurun_server.queue.lifecycle.transitions import move
from gpurun_server.store.database import Writing
from gpurun_server.store.tables import attempts, predecessors, runs

#: A message is a sentence or two; that of a log or a record may be anything.
_LONGEST_MESSAGE = 2000
#: What says that it took longer was not written by a runner.
_LONGEST_S = 20 * 365.25 * 86_400

_AT_WORK = (
    sa.select(runs.c.retries_left, runs.c.stop_by, runs.c.started_at)
    .join(attempts, attempts.c.run_id == runs.c.id)
    .where(runs.c.id == sa.bindparam("run"), attempts.c.number == sa.bindparam("attempt"))
    .where(attempts.c.ended_at.is_(None))
)
_WAITING_FOR = (
    sa.select(runs.c.id)
    .join(predecessors, predecessors.c.run_id == runs.c.id)
    .where(predecessors.c.after_id == sa.bindparam("after"))
    .where(runs.c.state.in_([State.CREATED.value, State.QUEUED.value]))
)


def end_attempt(writing: Writing, run_id: str, attempt: int, end: End, by: str, *, at: float | None = None) -> None:
    """End an attempt as `end` says, `at` another time than now where that is long ago.

    One that has ended already changes nothing: its successor may be at work. Its history says when the server heard of
    the end, the run when it came: its machine may have been cut off. `end.m` is how long the attempt took, if known.
    """
    run = writing.conn.execute(_AT_WORK, {"run": run_id, "attempt": attempt}).first()
    if run is None:
        return
    end = _tellable(end)
    if end.reason is Reason.DEVICES_TAKEN and run.started_at is not None:  # a run wrote that itself
        message = "Its record says that it never began, and it did."
        end = End(outcome=Outcome.FAILED, reason=Reason.DAMAGED, message=message)
    if end.reason is Reason.DEVICES_TAKEN and run.stop_by:  # it never began
        end = End(outcome=Outcome.CANCELLED, reason=Reason.CANCELLED_BY, message=f"stopped by {run.stop_by}")
    if end.reason is Reason.DEVICES_TAKEN:
        move(writing, run_id, State.QUEUED, by=by, message=end.message)  # costs none of its retries
    elif end.outcome is Outcome.FAILED and run.retries_left and not run.stop_by:
        message = f"attempt {attempt} failed: {end.message or end.reason.value}"
        retry(writing, run_id, run.retries_left, by=by, message=message)
    else:
        finish(writing, run_id, end, by, at=at, ended_at=_ended_at(end, run.started_at, at or time.time()))


def finish_logged(writing: Writing, run_id: str, end: End, by: str, *, with_children: bool = False) -> None:
    """Finish a run that gpurun only hears of, as of `end.t`."""
    finish(writing, run_id, _tellable(end), by, at=end.t, ended_at=end.t, with_children=with_children)


def _tellable(end: End) -> End:
    # PostgreSQL takes no NUL
    return msgspec.structs.replace(end, message=end.message[:_LONGEST_MESSAGE].replace("\0", ""))


def retry(writing: Writing, run_id: str, retries_left: int, *, by: str, message: str) -> None:
    """Queue a run for another attempt, at the cost of one of its retries."""
    failed = End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, message=message)
    _end_children(writing, run_id, failed, by, time.time())
    move(writing, run_id, State.QUEUED, by=by, message=message, retries_left=retries_left - 1)


def _ended_at(end: End, started_at: float | None, heard_at: float) -> float:
    """When an attempt ended: so long after its start as it took by its runner's clock, which no one sets.

    Clocks that tell the time are set, also while a run is at work, and that of its machine may be wrong from the start.
    """
    if started_at is None:
        return heard_at
    return started_at + end.m if 0 < end.m < _LONGEST_S else max(started_at, heard_at)


def finish(
    writing: Writing,
    run_id: str,
    end: End,
    by: str,
    *,
    at: float | None = None,
    ended_at: float | None = None,
    with_children: bool = True,
) -> None:
    """Finish a run, and with it its children, and those that were to come after its success if it had none."""
    if with_children:
        _end_children(writing, run_id, end, by, ended_at or at or time.time())
    known = {} if ended_at is None else {"finished_at": ended_at}
    left = {run_id: end}  # no recursion: a chain of runs may be longer than Python's stack
    while left:
        run_id, end = left.popitem()
        outcome = Outcome(end.outcome)
        reason, message = Reason(end.reason), end.message
        move(writing, run_id, State.FINISHED, by=by, outcome=outcome, reason=reason, message=message, at=at, **known)
        known = {}  # of those that were to come after it nothing is
        waiting = list(writing.conn.scalars(_WAITING_FOR, {"after": run_id}))
        if outcome is not Outcome.SUCCEEDED:
            left |= dict.fromkeys(waiting, _in_vain(run_id))
        elif waiting:
            writing.rings.add("work")


def _end_children(writing: Writing, run_id: str, end: End, by: str, at: float) -> None:
    for child, its_end in ends_of_children(writing, run_id, end, at).items():
        finish_logged(writing, child, its_end, by)


def _in_vain(predecessor: str) -> End:
    message = f"run {predecessor}, which it was to come after, did not succeed"
    return End(outcome=Outcome.CANCELLED, reason=Reason.PREDECESSOR_FAILED, message=message)
