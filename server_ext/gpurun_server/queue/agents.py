"""The agents that are known, and what they offer."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

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
    at_work = ledger.look(conn).at_work.values()
    held = {(one.agent_id, device): one for one in at_work for device in one.devices}
    agents, invited = [offer.agent for offer in offers(conn, at_work)], invited_by(conn, viewer)
    for agent in agents:
        agent.devices = [_with(held.get((agent.id, device.id)), device, viewer) for device in agent.devices]
        agent.removable = agent.id in invited
    return agents


def some_agent_is_healthy(conn: sa.Connection) -> bool:
    """Whether one was heard a moment ago."""
    return any(offer.agent.health == "healthy" for offer in offers(conn))


def offers(conn: sa.Connection, at_work: Iterable[AtWork] = ()) -> list[Offer]:
    """What every agent offers, those that are out of sight too; the locks of attempts `at_work` do not count."""
    at_work = list(at_work)
    busy = {one.agent_id for one in at_work}
    found = [_offer(row, is_busy=row.id in busy) for row in conn.execute(_AGENTS)]
    if any(offer.locked for offer in found):
        held = {(one.agent_id, device) for one in at_work for device in one.devices}
        found = [_without(held, offer) for offer in found]
    return found


def offered(report: Report) -> Offer:
    """What an agent offers that reports now, whoever holds it."""
    agent = Agent(report.agent_id, report.host, report.version, "healthy", 0.0, report.devices)
    return Offer(agent, labels=frozenset(report.labels))


def _offer(row: Any, *, is_busy: bool) -> Offer:
    silence_s = max(0.0, time.time() - row.heard_at)
    devices, locked = _devices_in(row.devices_json)
    log = standing(row) if is_busy or not row.boot.startswith(REMOTE) else IN_STEP
    agent = Agent(row.id, row.host, row.version, health(silence_s), silence_s, list(devices), log.behind_s, log.sync)
    return Offer(agent, _labels_in(row.labels_json), locked)


def _without(held: Collection[tuple[str, str]], offer: Offer) -> Offer:
    locked = frozenset(device for device in offer.locked if (offer.agent.id, device) not in held)
    return dataclasses.replace(offer, locked=locked)


@lru_cache(maxsize=512)
def _devices_in(text: str) -> tuple[tuple[Device, ...], frozenset[str]]:
    """Not to be changed: with many agents most claims find most of them as they were. With the ids of locked ones."""
    devices = decode_devices(text)
    return tuple(devices), frozenset(device.id for device in devices if device.locked)


@lru_cache(maxsize=512)
def _labels_in(text: str) -> frozenset[str]:
    return frozenset(decode_labels(text))


def _with(holder: AtWork | None, device: Device, viewer: str) -> Device:
    if holder is None:
        return device
    run_id, run_name = (holder.run_id, holder.name) if holder.owner == viewer else (None, None)
    return msgspec.structs.replace(device, run_id=run_id, run_name=run_name, run_owner=holder.owner)


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
