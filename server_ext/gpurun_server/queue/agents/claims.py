"""Claims: an agent reports, and is told in the same transaction what to carry out and what to end."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.grants import Grant, Orders, Report, Stop
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.sessions import Session
from gpurun_server.queue.agents.leases import found_again
from gpurun_server.queue.ledger.known_agents import offered, offers, remember
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.ledger.recent_use import lately
from gpurun_server.queue.ledger.running_attempts import RunningAttempt
from gpurun_server.queue.ledger.sessions import all_sessions, begin, split, take_report
from gpurun_server.queue.ledger.situation import holders, next_runs
from gpurun_server.queue.lifecycle.transitions import start_all, touch
from gpurun_server.queue.placement.offers import Held, Holder
from gpurun_server.queue.placement.plan import has_room, plan
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import decode_devices, decode_spec, encode
from gpurun_server.store.statements import insert_into, some_runs
from gpurun_server.store.tables import attempts

#: An agent may hold an attempt for a moment after the log's end was read.
_AFTERMATH_S = 30.0


def claim(writing: Writing, ledger: Ledger, report: Report) -> Orders:
    """Take down a heartbeat and answer it.

    Granted are the attempts that are this agent's already but that it does not hold (it was restarted, or an answer
    was lost) and, where it claims, what placement gives it of the queue. An attempt that has long ended, because its
    run was given up or given to another, is to be ended there too.
    """
    remember(writing, report)  # first: this very round goes by the devices as they are now
    ledger.look_while(writing)
    orders = _of_open_attempts(writing, ledger, report)
    take_report(writing, ledger, report, orders)
    over = _ended_but_held(writing.conn, ledger, report)
    orders.stops += _of_ended_attempts(over)
    given = _from_queue(writing, ledger, report, over) if report.claiming and _may_take(ledger, report) else []
    orders.grants += given
    orders.waiting = len(ledger.queue) - len(given)  # the ledger has not looked since
    return orders


def _may_take(ledger: Ledger, report: Report) -> bool:
    """Whether anything that waits could start on the agent at all: if not, the others need not be looked at."""
    if not ledger.queue:
        return False
    held = ledger.running.holders_on(report.agent_id)
    # a run for a session that is there needs no free device
    return has_room(offered(report), held) or any(line[0].session is not None for line in ledger.lines.values())


def _from_queue(writing: Writing, ledger: Ledger, report: Report, over: Sequence[sa.Row[Any]]) -> list[Grant]:
    conn = writing.conn
    everybody, sessions = offers(conn, ledger), all_sessions(conn, ledger)
    held = _held(ledger, sessions, report, over)
    own = next(offer for offer in everybody if offer.agent.id == report.agent_id)
    queue, warm = split(next_runs(conn, ledger, everybody, held), sessions)
    given = {run_id: session.devices for run_id, session in warm.items() if session.agent == report.agent_id}
    if has_room(own, held):
        kept = dict(ledger.reserved)
        had = lately(conn, ledger, sessions)
        decided = plan(queue, everybody, held, claimer=report.agent_id, kept=kept, lately=had)
        _remember_reservations(writing, kept, {one.run_id: one.agent_id for one in decided.reservations})
        given |= {one.run_id: list(one.devices) for one in decided.placements}
    return _start(writing, report.agent_id, given) if given else []


def _held(ledger: Ledger, sessions: Sequence[Session], report: Report, over: Sequence[sa.Row[Any]]) -> Held:
    """Who holds what; with the attempts that have ended in the database but are at work on the agent still."""
    held = holders(ledger, sessions)
    for row in over:
        for device in decode_devices(row.devices_json):
            place = (report.agent_id, device.id)
            held[place] = (*held.get(place, ()), Holder(row.run_id))
    return held


def _remember_reservations(writing: Writing, before: dict[str, str], now: dict[str, str]) -> None:
    """Devices are collected for big runs over many rounds: the next one must collect in the same place."""
    for run_id in before.keys() | now.keys():
        # only what has changed: a change is read by every ledger
        if before.get(run_id) != now.get(run_id):
            touch(writing, run_id, reserved_on=now.get(run_id))


def _of_open_attempts(writing: Writing, ledger: Ledger, report: Report) -> Orders:
    orders, holding = Orders(), set(report.holding)
    for one in ledger.running.of(report.agent_id):
        if one.key not in holding:
            orders.grants.append(_granted_before(writing.conn, one))
        if one.state is State.LOST:
            found_again(writing, one.run_id, report.agent_id)
        if one.stop_by:  # told each time until it has ended: an answer may be lost
            orders.stops.append(Stop(one.run_id, one.number, one.stop_by, one.stop_kill))
    return orders


def _granted_before(conn: sa.Connection, one: RunningAttempt) -> Grant:
    mine = sa.and_(attempts.c.run_id == one.run_id, attempts.c.number == one.number)
    attempt = conn.execute(sa.select(attempts.c.token, attempts.c.devices_json).where(mine)).one()
    run = conn.execute(some_runs, {"keys": [one.run_id]}).one()
    grant = _grant(run, attempt.token, one.number, decode_devices(attempt.devices_json))
    return msgspec.structs.replace(grant, begun=one.started_at is not None)


def _of_ended_attempts(ended: Sequence[sa.Row[Any]]) -> list[Stop]:
    over, long_ago = "the queue, because this attempt is over", time.time() - _AFTERMATH_S
    return [Stop(row.run_id, row.number, by=over, kill=True) for row in ended if row.ended_at < long_ago]


_HELD_KEYS = sa.tuple_(attempts.c.run_id, attempts.c.number).in_(sa.bindparam("keys", expanding=True))
_ENDED_BUT_HELD = sa.select(attempts).where(_HELD_KEYS, attempts.c.ended_at.is_not(None))


def _ended_but_held(conn: sa.Connection, ledger: Ledger, report: Report) -> Sequence[sa.Row[Any]]:
    strange = set(report.holding).difference(one.key for one in ledger.running.of(report.agent_id))
    if not strange:  # nearly always: the claim is spared a statement
        return []
    keys = [(run_id, int(number)) for run_id, _, number in (key.partition("/") for key in strange)]
    return conn.execute(_ENDED_BUT_HELD, {"keys": keys}).all()


def _start(writing: Writing, agent_id: str, given: Mapping[str, list[Device]]) -> list[Grant]:
    """Start an attempt of each run with the devices that it was given."""
    conn, now = writing.conn, time.time()
    # their whole specs: the ledger keeps only what placement needs
    rows = {row.id: row for row in conn.execute(some_runs, {"keys": list(given)})}
    begun = [_attempt(rows[run_id], agent_id, devices, now) for run_id, devices in given.items()]
    changes = {attempt["run_id"]: _placed(attempt, given[attempt["run_id"]]) for attempt in begun}
    start_all(writing, changes, by=f"agent {agent_id}")
    conn.execute(insert_into(attempts), begun)
    for run_id, devices in given.items():
        if (row := rows[run_id]).session is not None:
            begin(conn, row.owner, row.session, agent_id, decode_spec(row.spec_json).kernel, devices)
    return [_grant(rows[one["run_id"]], one["token"], one["number"], given[one["run_id"]]) for one in begun]


def _attempt(run: Any, agent_id: str, devices: list[Device], now: float) -> dict[str, Any]:
    number, token = run.attempt + 1, secrets.token_hex(16)
    held = {"agent_id": agent_id, "devices_json": encode(devices), "granted_at": now}
    return {"run_id": run.id, "number": number, "token": token, **held}


def _placed(attempt: dict[str, Any], devices: list[Device]) -> dict[str, Any]:
    labels = encode([device.label for device in devices])
    return {
        "attempt": attempt["number"],
        "agent_id": attempt["agent_id"],
        "devices_json": labels,
        "reserved_on": None,
    }


def _grant(run: Any, token: str, number: int, devices: list[Device]) -> Grant:
    return Grant(
        run_id=run.id,
        name=run.name,
        project=run.project,
        attempt=number,
        token=token,
        devices=devices,
        spec=decode_spec(run.spec_json),
        owner=run.owner,
    )
