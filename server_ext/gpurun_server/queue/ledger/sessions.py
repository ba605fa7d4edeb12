"""Sessions: named warm kernels that keep their devices; their runs go one after another, in the queue's order."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.errors import SessionNotFound
from gpurun_jupyter.core.grants import Orders, Report, SessionName
from gpurun_jupyter.core.sessions import Session
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.ledger.recent_use import book
from gpurun_server.queue.placement.blockers import about
from gpurun_server.queue.placement.offers import Offer, Wanted
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import decode_devices, encode
from gpurun_server.store.tables import sessions

Wish = Literal["end", "restart"]

_SESSIONS = sa.select(sessions).order_by(sessions.c.created_at)
_OF_AGENT = sa.select(sessions).where(sessions.c.agent_id == sa.bindparam("agent"))
_WITH_WISHES = sa.select(sessions.c.agent_id).where(sessions.c.wish.is_not(None))
_NAMED = sa.and_(sessions.c.owner == sa.bindparam("of"), sessions.c.name == sa.bindparam("called"))
_USED = sa.update(sessions).where(_NAMED).values(used_at=sa.bindparam("now"))
_WISHED = sa.update(sessions).where(_NAMED).values(wish=sa.bindparam("what"))
_ENDED = sa.delete(sessions).where(_NAMED)
_BEGUN = sa.insert(sessions)


def all_sessions(conn: sa.Connection, ledger: Ledger, owner: str | None = None) -> list[Session]:
    """The sessions there are, of one owner or of all."""
    busy = ledger.look(conn).running.of_sessions
    return [_shown(row, busy) for row in conn.execute(_SESSIONS) if owner in (None, row.owner)]


def wish(writing: Writing, owner: str, name: str, what: Wish) -> None:
    """Ask for a session's end or restart; its agent hears it at once. Raises SessionNotFound."""
    changed = writing.conn.execute(_WISHED, {"of": owner, "called": name, "what": what})
    if changed.rowcount == 0:
        raise SessionNotFound(f"You have no session {name!r}.", "`%gpurun sessions` lists those there are.")
    writing.rings |= {"queue", "work"}


def with_wishes(conn: sa.Connection) -> set[str]:
    """The agents that have a session that somebody wants ended or restarted."""
    return set(conn.scalars(_WITH_WISHES))


def begin(conn: sa.Connection, owner: str, name: str, agent_id: str, kernel: str | None, devices: list[Device]) -> None:
    """A run that is started makes its session, or uses the one there is."""
    now = time.time()
    used = conn.execute(_USED, {"of": owner, "called": name, "now": now})
    if used.rowcount == 0:
        row = {"owner": owner, "name": name, "agent_id": agent_id, "kernel": kernel, "devices_json": encode(devices)}
        conn.execute(_BEGUN, {**row, "created_at": now, "used_at": now})


def take_report(writing: Writing, ledger: Ledger, report: Report, orders: Orders) -> None:
    """Forget the agent's sessions that have ended, and pass on what is wished for the others."""
    conn = writing.conn
    # those with a run at work, too: what was granted just now the agent may not have begun
    alive: set[tuple[str, str]] = {(state.owner, state.name) for state in report.sessions} | set(
        ledger.running.of_sessions
    )
    for row in conn.execute(_OF_AGENT, {"agent": report.agent_id}).all():
        named = {"of": row.owner, "called": row.name}
        if (row.owner, row.name) not in alive:
            _end(conn, row)
            writing.rings.add("queue")
        elif row.wish is not None:
            ordered = orders.end_sessions if row.wish == "end" else orders.restart_sessions
            ordered.append(SessionName(row.owner, row.name))
            conn.execute(_WISHED, {**named, "what": None})


def end_all(conn: sa.Connection, agent_id: str) -> None:
    """An agent's sessions are over."""
    for row in conn.execute(_OF_AGENT, {"agent": agent_id}).all():
        _end(conn, row)


def _end(conn: sa.Connection, row: Any) -> None:
    # before its row is gone: a session is booked as a whole, its runs are not
    book(conn, row.owner, decode_devices(row.devices_json), None, row.created_at, time.time())
    conn.execute(_ENDED, {"of": row.owner, "called": row.name})


def split(queue: Sequence[Wanted], there: Iterable[Session]) -> tuple[Sequence[Wanted], dict[str, Session]]:
    """The runs that need devices of their own, and by run id those that may start in a session that is idle.

    Of several runs for one session only the first in the queue's order may start, whether the session exists or not.
    """
    if all(run.session is None for run in queue):
        return queue, {}
    idle = {(session.owner, session.name): session for session in there}
    placed, warm = [], {}
    taken = {key for key, session in idle.items() if session.busy is not None}
    for run in sorted(queue, key=lambda run: (-run.priority, run.seq)):  # no fair share: a session has one owner
        if run.session is None:
            placed.append(run)
            continue
        key = (run.owner, run.session)
        if key not in taken and not run.after:
            taken.add(key)
            if key in idle:
                warm[run.run_id] = idle[key]
            else:
                placed.append(run)
    return placed, warm


def why_waiting(
    ledger: Ledger, told: Collection[str], there: Iterable[Session], everybody: Iterable[Offer]
) -> dict[str, str]:
    """What to say of those of these queued runs that wait for a session to be idle, or for its machine."""
    busy = ledger.running.of_sessions
    silent = {offer.agent.id: offer.agent for offer in everybody if offer.agent.health != "healthy"}
    away = {(one.owner, one.name): silent[one.agent] for one in there if one.agent in silent}
    why = {}
    for run in (ledger.queue[run_id] for run_id in told) if busy or away else ():
        key = (run.owner, run.session)
        if run.session is not None and key in busy:
            why[run.run_id] = f"waits for session «{run.session}», busy with «{busy[run.owner, run.session].name}»"
        elif run.session is not None and key in away:
            agent = away[run.owner, run.session]
            silence = f"{agent.id} has not been heard for {about(agent.heard_s_ago)}"
            why[run.run_id] = f"waits for session «{run.session}»: {silence}"
    return why


def _shown(row: Any, busy: dict[tuple[str, str], Any]) -> Session:
    at_work = busy.get((row.owner, row.name))
    return Session(
        name=row.name,
        owner=row.owner,
        agent=row.agent_id,
        kernel=row.kernel,
        devices=decode_devices(row.devices_json),
        busy=at_work.run_id if at_work else None,
        created_at=row.created_at,
        used_at=row.used_at,
    )
