"""What there is to tell, and up to where it was told: lines of the history in their order."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import sqlalchemy as sa

from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import LOGGED_KIND
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import KEPT
from gpurun_server.store.tables import history, notices, runs

_COLUMNS = (history.c.outcome, history.c.message, history.c.at, runs.c.id, runs.c.name, runs.c.project)
_LATEST = sa.select(sa.func.coalesce(sa.func.max(history.c.seq), 0))


class Place(NamedTuple):
    """How far an entry was told, None if it is a new one, and how far the history goes."""

    told: int | None
    latest: int


class Wish(NamedTuple):
    """Whose runs, with which outcomes, and whether also those that are lost; no projects: all."""

    owners: Collection[str]
    projects: Collection[str]
    outcomes: Collection[str]
    lost: bool


def place(conn: sa.Connection, entry: str) -> Place:
    """Where an entry stands."""
    told = conn.scalar(sa.select(notices.c.told).where(notices.c.entry == entry))
    return Place(told, int(conn.scalar(_LATEST) or 0))


def lines_between(conn: sa.Connection, wish: Wish, after: int, latest: int) -> list[sa.Row[Any]]:
    """The lines that are to be told, oldest first."""
    ended = sa.and_(history.c.after == State.FINISHED.value, history.c.outcome.in_(wish.outcomes))
    # a line with one state before and after tells of no change
    becomes_lost = sa.and_(history.c.after == State.LOST.value, history.c.before != State.LOST.value)
    lost = sa.and_(becomes_lost, sa.true() if wish.lost else sa.false())
    query = (
        sa.select(*_COLUMNS, runs.c.started_at, runs.c.finished_at)
        .join(runs, runs.c.id == history.c.run_id)
        # none that came since `latest` was read, as PostgreSQL may show: the next look tells them
        .where(history.c.seq > after, history.c.seq <= latest, sa.or_(ended, lost))
        .where(KEPT, runs.c.owner.in_(wish.owners), runs.c.kind != LOGGED_KIND)  # of those their clients tell
        .order_by(history.c.seq)
    )
    if wish.projects:
        query = query.where(runs.c.project.in_(wish.projects))
    return list(conn.execute(query))


def begin(writing: Writing, entry: str) -> None:
    """Tell a new entry what comes from now on; what was before is no news."""
    if place(writing.conn, entry).told is None:
        latest = place(writing.conn, entry).latest
        writing.conn.execute(sa.insert(notices).values(entry=entry, told=latest))


def take(writing: Writing, entry: str, told: int, latest: int) -> bool:
    """Be the one who tells what is between; False if another server has taken it."""
    mine = sa.update(notices).where(notices.c.entry == entry, notices.c.told == told).values(told=latest)
    return writing.conn.execute(mine).rowcount == 1
