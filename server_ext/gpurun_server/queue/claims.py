"""Claims: an agent reports, and is told in the same transaction what to carry out and what to end."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

import sqlalchemy as sa

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.grants import Grant, Orders, Report, Stop
from gpurun_jupyter.core.lifecycle import State
from gpurun_server.queue.agents import remember
from gpurun_server.queue.placement import Wanted, free_devices, place
from gpurun_server.queue.transitions import move
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import decode_devices, decode_spec, encode, held_devices
from gpurun_server.store.tables import attempts, runs


def claim(writing: Writing, report: Report) -> Orders:
    """Take down a heartbeat and answer it.

    Granted are the attempts that are this agent's already but that it does not hold (it was restarted, or an answer was
    lost) and, where it claims, what placement gives it of the queue.
    """
    remember(writing, report)
    orders = _of_open_attempts(writing.conn, report)
    queue = queued(writing.conn)
    given = _grants(writing, report, queue) if queue and report.claiming else []
    orders.grants += given
    orders.waiting = len(queue) - len(given)
    return orders


def queued(conn: sa.Connection) -> list[Wanted]:
    """The queue, in no order."""
    query = sa.select(runs.c.id, runs.c.gpu, runs.c.priority, runs.c.seq).where(runs.c.state == "queued")
    return [Wanted(row.id, row.gpu, row.priority, row.seq) for row in conn.execute(query)]


def _of_open_attempts(conn: sa.Connection, report: Report) -> Orders:
    query = (
        sa.select(attempts, runs.c.name, runs.c.project, runs.c.spec_json, runs.c.stop_by, runs.c.stop_kill)
        .join(runs, runs.c.id == attempts.c.run_id)
        .where(attempts.c.agent_id == report.agent_id, attempts.c.ended_at.is_(None))
    )
    orders = Orders()
    holding = set(report.holding)
    for row in conn.execute(query):
        if f"{row.run_id}/{row.number}" not in holding:
            orders.grants.append(_grant(row, row.token, row.number, decode_devices(row.devices_json)))
        if row.stop_by:
            orders.stops.append(Stop(row.run_id, row.number, row.stop_by, row.stop_kill))
    return orders


def _grants(writing: Writing, report: Report, queue: Sequence[Wanted]) -> list[Grant]:
    held = [device for agent, device in held_devices(writing.conn) if agent == report.agent_id]
    placements = place(queue, free_devices(report.devices, held))
    return [_start(writing, report.agent_id, given.run_id, list(given.devices)) for given in placements]


def _start(writing: Writing, agent_id: str, run_id: str, devices: list[Device]) -> Grant:
    row = writing.conn.execute(sa.select(runs).where(runs.c.id == run_id)).one()
    number, token = row.attempt + 1, secrets.token_hex(16)
    labels = [device.label for device in devices]
    where = {"attempt": number, "agent_id": agent_id, "devices_json": encode(labels)}
    move(writing, run_id, State.STARTING, by=f"agent {agent_id}", **where)
    writing.conn.execute(
        sa.insert(attempts).values(
            run_id=run_id,
            number=number,
            agent_id=agent_id,
            token=token,
            devices_json=encode(devices),
            granted_at=time.time(),
        )
    )
    return _grant(row, token, number, devices)


def _grant(row: sa.Row, token: str, number: int, devices: list[Device]) -> Grant:  # type: ignore[type-arg]
    return Grant(
        run_id=row.run_id if "run_id" in row._fields else row.id,
        name=row.name,
        project=row.project,
        attempt=number,
        token=token,
        devices=devices,
        spec=decode_spec(row.spec_json),
    )
