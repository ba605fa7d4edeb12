"""Logged runs of which nothing was heard for long: each says so, until somebody logs to it again."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime, timezone

import sqlalchemy as sa

from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import LOGGED_KIND
from gpurun_server.queue.lifecycle.transitions import touch
from gpurun_server.store.database import Database
from gpurun_server.store.tables import runs

#: After so many seconds.
SILENT_S = 86_400.0

_GOING_ON = sa.select(runs.c.id, runs.c.message).where(
    runs.c.state == State.RUNNING.value,
    runs.c.kind == LOGGED_KIND,
    runs.c.created_at < sa.bindparam("before"),
    runs.c.deleted_at.is_(None),
)


def tell_of_silence(database: Database, home: Home) -> None:
    """Say so in the message of each that is silent; of several servers the first does."""
    with database.read() as conn:
        rows = conn.execute(_GOING_ON, {"before": time.time() - SILENT_S}).all()
    silent = {row.id: said for row in rows if (said := _said_of(home, row.id)) and said != row.message}
    if silent:
        with database.write() as writing:
            for row in writing.conn.execute(sa.select(runs.c.id, runs.c.state).where(runs.c.id.in_(silent))).all():
                # it may have ended, or been heard of, since it was read
                if row.state == State.RUNNING.value and _said_of(home, row.id) == silent[row.id]:
                    touch(writing, row.id, message=silent[row.id])


def _said_of(home: Home, run_id: str) -> str:
    """What is to be said; nothing of one that was heard of lately. Whoever is heard is so in its log."""
    heard_at = 0.0
    with contextlib.suppress(OSError):  # its folder may be gone
        heard_at = home.attempt(run_id, 1).events.stat().st_mtime
    if not heard_at or time.time() - heard_at < SILENT_S:
        return ""
    return f"Not heard of since {datetime.fromtimestamp(heard_at, timezone.utc).astimezone():%Y-%m-%d %H:%M}."
