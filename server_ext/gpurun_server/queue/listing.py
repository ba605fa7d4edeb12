"""Runs as people are shown them: rows of the store, with why they wait."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.lifecycle import ACTIVE, State
from gpurun_jupyter.core.runs import Run, Waiting
from gpurun_server.queue.ledger.known_agents import offers
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.ledger.log_lag import HERE, IN_STEP, LogLag, log_lags
from gpurun_server.queue.ledger.recent_use import lately
from gpurun_server.queue.ledger.sessions import all_sessions, why_waiting
from gpurun_server.queue.ledger.situation import holders, waiting_runs
from gpurun_server.queue.placement.waiting import outlooks
from gpurun_server.store import queries
from gpurun_server.store.search import window


def run_of(conn: sa.Connection, ledger: Ledger, reference: str, owner: str) -> Run:
    """The run of an owner that a reference means, with its spec. Raises RunNotFound and AmbiguousRun."""
    return shown(conn, ledger, [queries.find(conn, reference, owner)], owner)[0]


def newest(
    conn: sa.Connection, ledger: Ledger, owner: str, limit: int, filters: queries.Filters | None = None
) -> list[Run]:
    """The newest runs of an owner that fulfil the filters."""
    return shown(conn, ledger, window.newest(conn, owner, filters or queries.Filters(), limit), owner)


def first(conn: sa.Connection, ledger: Ledger, owner: str, limit: int) -> list[Run]:
    """What a client that has seen nothing is told: the newest runs, and older ones that are at work or wait."""
    rows = list(window.newest(conn, owner, queries.Filters(), limit))
    told = {row.id for row in rows}
    rows += [row for row in queries.unfinished(conn, owner) if row.id not in told]
    return shown(conn, ledger, rows, owner)


def since(conn: sa.Connection, ledger: Ledger, owner: str, revision: int, *, with_queue: bool) -> list[Run]:
    """Runs of an owner that changed after a revision; with those at the queue's front, as places change with others."""
    return shown(conn, ledger, queries.changed_since(conn, owner, revision, with_queue=with_queue), owner)


def out_of_step(conn: sa.Connection, ledger: Ledger, owner: str, told: dict[str, LogLag]) -> list[Run]:
    """Runs of an owner whose logs stand otherwise than was `told`, which is brought up to date."""
    at_work = [one for one in ledger.look(conn).running.values() if one.owner == owner]
    now = log_lags(conn, [(one.run_id, one.number, one.agent_id) for one in at_work])
    changed = [run_id for run_id, one in now.items() if one.sync and one != told.get(run_id, IN_STEP)]
    told.clear()
    told.update(now)
    return shown(conn, ledger, queries.with_ids(conn, owner, changed), owner) if changed else []


def shown(conn: sa.Connection, ledger: Ledger, rows: Iterable[sa.Row[Any]], owner: str) -> list[Run]:
    """What these rows of an owner stand for, in their order."""
    rows = list(rows)
    queued = {row.id for row in rows if row.state == State.QUEUED.value}
    waiting = _waiting(conn, ledger, queued, owner) if queued else {}
    at_work = [(row.id, row.attempt, row.agent_id) for row in rows if row.agent_id and State(row.state) in ACTIVE]
    logs = log_lags(conn, at_work)
    return [queries.to_run(row, waiting.get(row.id), *logs.get(row.id, HERE)) for row in rows]


def _waiting(conn: sa.Connection, ledger: Ledger, queued: set[str], owner: str) -> dict[str, Waiting]:
    everybody = offers(conn, ledger)
    sessions = all_sessions(conn, ledger)
    held = holders(ledger, sessions)
    had = lately(conn, ledger, sessions)
    # the queue of everybody: a run's place depends on all of it
    told = outlooks(waiting_runs(conn, ledger), everybody, held, only=queued, viewer=owner, lately=had)
    for run_id, why in why_waiting(ledger, told, sessions, everybody).items():
        told[run_id] = Waiting(told[run_id].position, why)
    return told
