"""The agents that are known, and what they offer."""

from __future__ import annotations

import time
from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.devices import Agent, Device, health
from gpurun_jupyter.core.grants import Report
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.ledger.log_lag import IN_STEP, REMOTE, log_lag
from gpurun_server.queue.ledger.roster import Entry
from gpurun_server.queue.ledger.running_attempts import Place, RunningAttempt
from gpurun_server.queue.placement.offers import Offer
from gpurun_server.store.agent_keys import invited_by
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import encode
from gpurun_server.store.tables import agents

_LAST_HEARD = sa.select(sa.func.max(agents.c.heard_at))
_VALUES = ("host", "version", "boot", "heard_at", "labels_json", "devices_json", "unsent_json")
_HEARD = (
    sa.update(agents).where(agents.c.id == sa.bindparam("agent")).values({name: sa.bindparam(name) for name in _VALUES})
)
_JOINED = sa.insert(agents)


def known_agents(conn: sa.Connection, ledger: Ledger, viewer: str) -> list[Agent]:
    """Every agent, each device with the run that holds it; of the runs of others `viewer` learns whose they are."""
    known = [offer.agent for offer in shown_offers(conn, ledger, viewer)]
    for agent in known:
        agent.devices = [_with(ledger.running.on((agent.id, device.id)), device, viewer) for device in agent.devices]
    return known


def shown_offers(conn: sa.Connection, ledger: Ledger, viewer: str) -> list[Offer]:
    """What every agent offers, with how its logs stand and whether `viewer` may remove it."""
    found, invited = offers(conn, ledger), invited_by(conn, viewer)
    busy = ledger.running.agents()
    for offer, entry in zip(found, ledger.roster.entries, strict=True):
        agent = offer.agent  # made for this look alone, unlike the parts of its entry
        # a machine without runs is never behind
        idle = agent.id not in busy and entry.boot.startswith(REMOTE)
        agent.sync, agent.behind_s = IN_STEP if idle else log_lag(entry)
        agent.removable = agent.id in invited
    return found


def some_agent_is_healthy(conn: sa.Connection) -> bool:
    """Whether one was heard a moment ago."""
    heard_at = conn.scalar(_LAST_HEARD)
    return heard_at is not None and health(time.time() - heard_at) == "healthy"


def offers(conn: sa.Connection, ledger: Ledger) -> list[Offer]:
    """What every agent offers, those that are out of sight too; locks of attempts that are at work do not count."""
    held, now = ledger.look(conn).running.places(), time.time()
    found = [_offer(entry, now) for entry in ledger.roster.look(conn).entries]
    return [_without(held, offer) if offer.locked else offer for offer in found]


def offered(report: Report) -> Offer:
    """What an agent offers that reports now, whoever holds it."""
    agent = Agent(report.agent_id, report.host, report.version, "healthy", 0.0, report.devices)
    return Offer(agent, labels=frozenset(report.labels))


def _offer(entry: Entry, now: float) -> Offer:
    silence_s = max(0.0, now - entry.heard_at)
    agent = Agent(entry.id, entry.host, entry.version, health(silence_s), silence_s, entry.devices)
    return Offer(agent, entry.labels, entry.locked)


def _without(held: Collection[Place], offer: Offer) -> Offer:
    locked = frozenset(device for device in offer.locked if (offer.agent.id, device) not in held)
    return msgspec.structs.replace(offer, locked=locked)


def _with(holder: RunningAttempt | None, device: Device, viewer: str) -> Device:
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
    if changed.rowcount == 0:  # writers take turns: nobody else adds it in between
        writing.conn.execute(_JOINED, {"id": report.agent_id, **values})
    writing.rings.add("agents")
