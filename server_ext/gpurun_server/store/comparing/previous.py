"""The run before a run: the one that it runs again, or the newest that came from the same cell or script."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gpurun_server.store.queries import KEPT
from gpurun_server.store.tables import runs

_BEGUN = runs.c.started_at.is_not(None)  # one that was taken back before it started has nothing to compare with


def previous(conn: sa.Connection, run: sa.Row[Any]) -> sa.Row[Any] | None:
    """That run, of the same owner, or None."""
    earlier = sa.select(runs).where(KEPT, _BEGUN, runs.c.owner == run.owner, runs.c.seq < run.seq)
    if run.rerun_of is not None and (rerun := conn.execute(earlier.where(runs.c.id == run.rerun_of)).first()):
        return rerun
    if run.origin is None:
        return None
    return conn.execute(earlier.where(runs.c.origin == run.origin).order_by(runs.c.seq.desc()).limit(1)).first()
