"""Ending runs that somebody no longer wants."""

from __future__ import annotations

import time

from gpurun_jupyter.core.errors import WrongState
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_jupyter.core.runs import LOGGED_KIND
from gpurun_server.queue.lifecycle.children import write_end
from gpurun_server.queue.lifecycle.ending import finish, finish_logged
from gpurun_server.queue.lifecycle.transitions import move, touch
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import find


def cancel(writing: Writing, reference: str, *, by: str, kill: bool = False) -> str:
    """End a run: at once while it waits, else by asking its runner; asked again it is killed. Returns the run's id.

    One that gpurun only hears of ends at once: nobody is there to be asked.

    Raises RunNotFound, AmbiguousRun, and WrongState for a run that has finished.
    """
    run = find(writing.conn, reference, by)
    state = State(run.state)
    if state is State.FINISHED:
        raise WrongState(f"Run {run.name} ({run.id}) has finished already: {run.outcome}.")
    if state in (State.CREATED, State.QUEUED):
        message = f"cancelled by {by} before it started"
        finish(writing, run.id, End(outcome=Outcome.CANCELLED, reason=Reason.CANCELLED_BY, message=message), by)
    elif run.kind == LOGGED_KIND:
        end = End(outcome=Outcome.CANCELLED, reason=Reason.CANCELLED_BY, message=f"cancelled by {by}", t=time.time())
        write_end(writing, run.id, end)
        finish_logged(writing, run.id, end, by, with_children=True)
    elif state is State.STOPPING:
        touch(writing, run.id, stop_kill=True)
    else:
        move(writing, run.id, State.STOPPING, by=by, stop_by=by, stop_kill=kill)
    # for a kill, which is no change of state: `touch` wakes no agent
    writing.rings |= {"queue", "work"}
    return str(run.id)
