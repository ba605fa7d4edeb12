"""Sessions: named warm kernels that keep their devices; their runs go one after another, in the queue's order."""

from __future__ import annotations

import time
from typing import Any, Literal

import sqlalchemy as sa

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.errors import SessionNotFound
from gpurun_jupyter.core.grants import Orders, Report, SessionName
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.sessions import Session
from gpurun_server.queue.placement.offers import Wanted
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import decode_devices, encode
from gpurun_server.store.tables import attempts, runs, sessions

Wish = Literal["end", "restart"]


def all_sessions(conn: sa.Connection, owner: str | None = None) -> list[Session]:
    """The sessions there are, of one owner or of all."""
    query = sa.select(sessions).order_by(sessions.c.created_at)
    if owner is not None:
        query = query.where(sessions.c.owner == owner)
    busy = _busy(conn)
    return [_shown(row, busy) for row in conn.execute(query)]


def wish(writing: Writing, owner: str, name: str, what: Wish) -> None:
    """Ask for a session's end or restart; its agent hears it at once. Raises SessionNotFound."""
    changed = writing.conn.execute(sa.update(sessions).where(_named(owner, name)).values(wish=what))
    if changed.rowcount == 0:
        raise SessionNotFound(f"You have no session {name!r}.", "`%gpurun sessions` lists those there are.")
    writing.rings.add("queue")


def begin(conn: sa.Connection, owner: str, name: str, agent_id: str, kernel: str | None, devices: list[Device]) -> None:
    """A run that is started makes its session, or uses the one there is."""
    now = time.time()
    used = conn.execute(sa.update(sessions).where(_named(owner, name)).values(used_at=now))
    if used.rowcount == 0:
        row = {"owner": owner, "name": name, "agent_id": agent_id, "kernel": kernel, "devices_json": encode(devices)}
        conn.execute(sa.insert(sessions).values(**row, created_at=now, used_at=now))


def take_report(writing: Writing, report: Report, orders: Orders) -> None:
    """Forget the agent's sessions that have ended, and pass on what is wished for the others."""
    conn = writing.conn
    reported = {(state.owner, state.name) for state in report.sessions}
    busy = _busy(conn)
    for row in conn.execute(sa.select(sessions).where(sessions.c.agent_id == report.agent_id)).all():
        key = (row.owner, row.name)
        if key not in reported and key not in busy:
            conn.execute(sa.delete(sessions).where(_named(*key)))
            writing.rings.add("queue")
        elif row.wish is not None:
            ordered = orders.end_sessions if row.wish == "end" else orders.restart_sessions
            ordered.append(SessionName(*key))
            conn.execute(sa.update(sessions).where(_named(*key)).values(wish=None))


def split(conn: sa.Connection, queue: list[Wanted]) -> tuple[list[Wanted], dict[str, Session]]:
    """The runs that need devices of their own, and by run id those that may start in a session that is idle.

    Of several runs for one session only the first in the queue's order may start, whether the session exists or not.
    """
    wanted = _wanted_sessions(conn)
    there = {(session.owner, session.name): session for session in all_sessions(conn)} if wanted else {}
    placed, warm, taken = [], {}, set(_busy(conn)) if wanted else set()
    for run in sorted(queue, key=lambda run: (-run.priority, run.seq)) if wanted else queue:
        key = (run.owner, wanted[run.run_id]) if run.run_id in wanted else None
        if key is None:
            placed.append(run)
        elif key not in taken and not run.after:
            taken.add(key)
            if key in there:
                warm[run.run_id] = there[key]
            else:
                placed.append(run)
    return placed, warm


def why_waiting(conn: sa.Connection) -> dict[str, str]:
    """What to say of queued runs that wait for a session to be idle."""
    wanted = _wanted_sessions(conn)
    busy = _busy(conn) if wanted else {}
    query = sa.select(runs.c.id, runs.c.owner).where(runs.c.id.in_(list(wanted)))
    return {
        row.id: f"waits for session «{wanted[row.id]}», busy with «{busy[row.owner, wanted[row.id]].name}»"
        for row in (conn.execute(query) if wanted else ())
        if (row.owner, wanted[row.id]) in busy
    }


def _shown(row: Any, busy: dict[tuple[str, str], Any]) -> Session:
    at_work = busy.get((row.owner, row.name))
    return Session(
        name=row.name,
        owner=row.owner,
        agent=row.agent_id,
        kernel=row.kernel,
        devices=decode_devices(row.devices_json),
        busy=at_work.id if at_work else None,
        created_at=row.created_at,
        used_at=row.used_at,
    )


def _named(owner: str, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(sessions.c.owner == owner, sessions.c.name == name)


def _busy(conn: sa.Connection) -> dict[tuple[str, str], Any]:
    """By owner and name the runs that sessions carry out now."""
    query = (
        sa.select(runs.c.id, runs.c.name, runs.c.owner, runs.c.session)
        .join(attempts, attempts.c.run_id == runs.c.id)
        .where(attempts.c.ended_at.is_(None), runs.c.session.is_not(None))
    )
    return {(row.owner, row.session): row for row in conn.execute(query)}


def _wanted_sessions(conn: sa.Connection) -> dict[str, str]:
    query = sa.select(runs.c.id, runs.c.session).where(runs.c.state == State.QUEUED.value, runs.c.session.is_not(None))
    return {row.id: row.session for row in conn.execute(query)}
