"""Claims: an agent reports, and is told in the same transaction what to carry out and what to end."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.grants import Grant, Orders, Report, Stop
from gpurun_jupyter.core.lifecycle import State
from gpurun_server.queue.agents import remember
from gpurun_server.queue.leases import found_again
from gpurun_server.queue.placement.offers import Holder
from gpurun_server.queue.placement.plan import has_room, plan
from gpurun_server.queue.sessions import begin, split, take_report
from gpurun_server.queue.situation import holders, how_many_wait, next_runs, offers, reservations
from gpurun_server.queue.transitions import move, touch
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import decode_devices, decode_spec, encode
from gpurun_server.store.tables import attempts, runs

#: An agent may hold an attempt for a moment after the log's end was read.
_AFTERMATH_S = 30.0


def claim(writing: Writing, report: Report) -> Orders:
    """Take down a heartbeat and answer it.

    Granted are the attempts that are this agent's already but that it does not hold (it was restarted, or an answer
    was lost) and, where it claims, what placement gives it of the queue. An attempt that has long ended, because its
    run was given up or given to another, is to be ended there too.
    """
    remember(writing, report)
    orders = _of_open_attempts(writing, report)
    take_report(writing, report, orders)
    orders.stops += _of_ended_attempts(writing.conn, report)
    given = _from_queue(writing, report) if report.claiming else []
    orders.grants += given
    orders.waiting = how_many_wait(writing.conn)
    return orders


def _from_queue(writing: Writing, report: Report) -> list[Grant]:
    conn = writing.conn
    if not how_many_wait(conn):
        return []
    everybody, held = offers(conn), _holders(conn, report)
    own = next(offer for offer in everybody if offer.agent.id == report.agent_id)
    queue, warm = split(conn, next_runs(conn, everybody))
    given = {run_id: session.devices for run_id, session in warm.items() if session.agent == report.agent_id}
    if has_room(own, held):
        kept = reservations(conn)
        decided = plan(queue, everybody, held, claimer=report.agent_id, kept=kept)
        _remember_reservations(writing, kept, {one.run_id: one.agent_id for one in decided.reservations})
        given |= {one.run_id: list(one.devices) for one in decided.placements}
    return _start(writing, report.agent_id, given) if given else []


def _holders(conn: sa.Connection, report: Report) -> dict[tuple[str, str], list[Holder]]:
    """Who holds what; with the attempts that have ended in the database but are at work on the agent still."""
    held = holders(conn)
    for row in _ended_but_held(conn, report):
        for device in decode_devices(row.devices_json):
            held.setdefault((report.agent_id, device.id), []).append(Holder(row.run_id))
    return held


def _remember_reservations(writing: Writing, before: dict[str, str], now: dict[str, str]) -> None:
    """Devices are collected for big runs over many rounds: the next one must collect in the same place."""
    for run_id in before.keys() | now.keys():
        if before.get(run_id) != now.get(run_id):
            touch(writing, run_id, reserved_on=now.get(run_id))


def _of_open_attempts(writing: Writing, report: Report) -> Orders:
    query = (
        sa.select(
            attempts,
            runs.c.state,
            runs.c.name,
            runs.c.project,
            runs.c.owner,
            runs.c.spec_json,
            runs.c.stop_by,
            runs.c.stop_kill,
        )
        .join(runs, runs.c.id == attempts.c.run_id)
        .where(attempts.c.agent_id == report.agent_id, attempts.c.ended_at.is_(None))
    )
    orders = Orders()
    holding = set(report.holding)
    for row in writing.conn.execute(query).all():
        if f"{row.run_id}/{row.number}" not in holding:
            orders.grants.append(_grant(row, row.token, row.number, decode_devices(row.devices_json)))
        if row.state == State.LOST.value:
            found_again(writing, row.run_id, report.agent_id)
        if row.stop_by:
            orders.stops.append(Stop(row.run_id, row.number, row.stop_by, row.stop_kill))
    return orders


def _of_ended_attempts(conn: sa.Connection, report: Report) -> list[Stop]:
    over, long_ago = "the queue, because this attempt is over", time.time() - _AFTERMATH_S
    ended = _ended_but_held(conn, report)
    return [Stop(row.run_id, row.number, by=over, kill=True) for row in ended if row.ended_at < long_ago]


def _ended_but_held(conn: sa.Connection, report: Report) -> Sequence[sa.Row[Any]]:
    if not report.holding:
        return []
    keys = [(run_id, int(number)) for run_id, _, number in (key.partition("/") for key in report.holding)]
    held = sa.tuple_(attempts.c.run_id, attempts.c.number).in_(keys)
    return conn.execute(sa.select(attempts).where(held, attempts.c.ended_at.is_not(None))).all()


def _start(writing: Writing, agent_id: str, given: Mapping[str, list[Device]]) -> list[Grant]:
    """Start an attempt of each run with the devices that it was given."""
    conn, now = writing.conn, time.time()
    rows = {row.id: row for row in conn.execute(sa.select(runs).where(runs.c.id.in_(given)))}
    begun = [_attempt(rows[run_id], agent_id, devices, now) for run_id, devices in given.items()]
    for attempt, (run_id, devices) in zip(begun, given.items(), strict=True):
        labels = encode([device.label for device in devices])
        where = {"attempt": attempt["number"], "agent_id": agent_id, "devices_json": labels, "reserved_on": None}
        move(writing, run_id, State.STARTING, by=f"agent {agent_id}", **where)
        if (row := rows[run_id]).session is not None:
            begin(conn, row.owner, row.session, agent_id, decode_spec(row.spec_json).kernel, devices)
    conn.execute(sa.insert(attempts), begun)
    return [_grant(rows[one["run_id"]], one["token"], one["number"], given[one["run_id"]]) for one in begun]


def _attempt(run: Any, agent_id: str, devices: list[Device], now: float) -> dict[str, Any]:
    number, token = run.attempt + 1, secrets.token_hex(16)
    held = {"agent_id": agent_id, "devices_json": encode(devices), "granted_at": now}
    return {"run_id": run.id, "number": number, "token": token, **held}


def _grant(row: sa.Row, token: str, number: int, devices: list[Device]) -> Grant:  # type: ignore[type-arg]
    return Grant(
        run_id=row.run_id if "run_id" in row._fields else row.id,
        name=row.name,
        project=row.project,
        attempt=number,
        token=token,
        devices=devices,
        spec=decode_spec(row.spec_json),
        owner=row.owner,
    )
