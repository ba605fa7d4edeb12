"""The agents that are known, and what they offer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.devices import Agent, Device, health
from gpurun_jupyter.core.grants import Report
from gpurun_server.queue.behind import IN_STEP, REMOTE, standing
from gpurun_server.queue.ledger import AtWork, Ledger
from gpurun_server.queue.placement.offers import Offer
from gpurun_server.store.agent_keys import invited_by
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import decode_devices, decode_labels, encode
from gpurun_server.store.tables import agents

_AGENTS = sa.select(agents).order_by(agents.c.host, agents.c.id)
_VALUES = ("host", "version", "boot", "heard_at", "labels_json", "devices_json", "unsent_json")
_HEARD = (
    sa.update(agents).where(agents.c.id == sa.bindparam("agent")).values({name: sa.bindparam(name) for name in _VALUES})
)
_JOINED = sa.insert(agents)


def known_agents(conn: sa.Connection, ledger: Ledger, viewer: str) -> list[Agent]:
    """Every agent, each device with the run that holds it; of the runs of others `viewer` learns whose they are."""
    agents = [offer.agent for offer in offers(conn, ledger.look(conn).at_work.values())]
    for device in (device for agent in agents for device in agent.devices):
        if device.run_owner not in (None, viewer):
            device.run_id = device.run_name = None
    invited = invited_by(conn, viewer)
    for agent in agents:
        agent.removable = agent.id in invited
    return agents


def some_agent_is_healthy(conn: sa.Connection) -> bool:
    """Whether one was heard a moment ago."""
    return any(offer.agent.health == "healthy" for offer in offers(conn))


def offers(conn: sa.Connection, at_work: Iterable[AtWork] = ()) -> list[Offer]:
    """What every agent offers, those that are out of sight too; each device with the attempt that holds it."""
    held = {(one.agent_id, device): one for one in at_work for device in one.devices}
    return list(_offers(conn, held))


def _offers(conn: sa.Connection, held: Mapping[tuple[str, str], AtWork]) -> Iterator[Offer]:
    now = time.time()
    for row in conn.execute(_AGENTS):
        devices = [_with(held.get((row.id, device.id)), device) for device in _devices_in(row.devices_json)]
        silence_s = max(0.0, now - row.heard_at)
        log = IN_STEP if row.boot.startswith(REMOTE) and not any(one.run_id for one in devices) else standing(row)
        yield Offer(
            Agent(row.id, row.host, row.version, health(silence_s), silence_s, devices, log.behind_s, log.sync),
            labels=frozenset(decode_labels(row.labels_json)),
            locked=frozenset(device.id for device in devices if device.locked and device.run_id is None),
        )


@lru_cache(maxsize=512)
def _devices_in(text: str) -> tuple[Device, ...]:
    """Not to be changed: with many agents most claims find most of them as they were."""
    return tuple(decode_devices(text))


def _with(holder: AtWork | None, device: Device) -> Device:
    if holder is None:
        return device
    return msgspec.structs.replace(device, run_id=holder.run_id, run_name=holder.name, run_owner=holder.owner)


def remember(writing: Writing, report: Report) -> None:
    """Write down an agent's heartbeat."""
    values = {
        "host": report.host,
        "version": report.version,
        "boot": report.boot,
        "heard_at": time.time(),
        "labels_json": encode(report.labels),
        "devices_json": encode(report.devices),
        "unsent_json": encode(report.unsent),
    }
    changed = writing.conn.execute(_HEARD, {"agent": report.agent_id, **values})
    if changed.rowcount == 0:
        writing.conn.execute(_JOINED, {"id": report.agent_id, **values})
    writing.rings.add("agents")
