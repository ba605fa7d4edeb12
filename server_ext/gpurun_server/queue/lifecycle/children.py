"""The runs that a run's own code logs: they end with it at the latest."""

from __future__ import annotations

import contextlib
import time

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import LOGGED_KIND
from gpurun_server.store.database import Writing
from gpurun_server.store.folders import own_logs
from gpurun_server.store.tables import runs

_below = sa.select(runs.c.id).where(runs.c.parent == sa.bindparam("parent")).cte("below", recursive=True)
# a union of sets: it ends, whatever the rows say of one another
_below = _below.union(sa.select(runs.c.id).join(_below, runs.c.parent == _below.c.id))
_GOING_ON = (
    sa.select(runs.c.id, runs.c.started_at)
    .join(_below, _below.c.id == runs.c.id)
    .where(runs.c.kind == LOGGED_KIND, runs.c.state != State.FINISHED.value)
    .order_by(runs.c.seq.desc())  # those first that were logged within others
)


def ends_of_children(writing: Writing, run_id: str, end: End, at: float) -> dict[str, End]:
    """How the children of a run end that go on when it does: as it ends, `at` that time. Their logs say so by now."""
    ends, at = {}, min(at, time.time())
    message = "" if not end.message else f"run {run_id}, whose code logged it: {end.message}"
    for child in writing.conn.execute(_GOING_ON, {"parent": run_id}).all():
        began = child.started_at or at
        t = max(began, at)  # the clock that it goes by may be another machine's
        ends[child.id] = msgspec.structs.replace(end, message=message, exit_code=None, t=t, m=t - began)
        write_end(writing, child.id, ends[child.id])
    return ends


def write_end(writing: Writing, run_id: str, end: End) -> None:
    """Have the log of a run say that it has ended, which nobody else says; where there is no log, the row will do."""
    with contextlib.suppress(OSError):
        own_logs.append(writing.home.attempt(run_id, 1), [end])
