"""The agents that are known, with what holds their devices."""

from __future__ import annotations

import time

import sqlalchemy as sa

from gpurun_jupyter.core.devices import Agent, health
from gpurun_jupyter.core.grants import Report
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import decode_devices, encode, held_devices
from gpurun_server.store.tables import agents


def known_agents(conn: sa.Connection) -> list[Agent]:
    """Every agent, each device with the run that holds it."""
    held = held_devices(conn)
    now = time.time()
    found = []
    for row in conn.execute(sa.select(agents).order_by(agents.c.host, agents.c.id)):
        devices = decode_devices(row.devices_json)
        for device in devices:
            device.run_id, device.run_name = held.get((row.id, device.id), (None, None))
        silence_s = max(0.0, now - row.heard_at)
        found.append(Agent(row.id, row.host, row.version, health(silence_s), silence_s, devices))
    return found


def remember(writing: Writing, report: Report) -> None:
    """Write down an agent's heartbeat."""
    values = {
        "host": report.host,
        "version": report.version,
        "boot": report.boot,
        "heard_at": time.time(),
        "labels_json": encode(report.labels),
        "devices_json": encode(report.devices),
    }
    changed = writing.conn.execute(sa.update(agents).where(agents.c.id == report.agent_id).values(**values))
    if changed.rowcount == 0:
        writing.conn.execute(sa.insert(agents).values(id=report.agent_id, **values))
    writing.rings.add("agents")
