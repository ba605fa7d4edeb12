"""The roster: every agent with its devices, kept in memory; a look reads those alone that have reported since."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import sqlalchemy as sa

from gpurun_jupyter.core.devices import Device
from gpurun_server.store.queries import decode_devices, decode_labels
from gpurun_server.store.tables import agents

_HEARD = sa.select(agents.c.id, agents.c.heard_at).order_by(agents.c.host, agents.c.id)
_SOME = sa.select(agents).where(agents.c.id.in_(sa.bindparam("keys", expanding=True)))


class Entry(NamedTuple):
    """What an agent last reported. Several looks share it: its parts are not to be changed."""

    id: str
    host: str
    version: str
    boot: str
    heard_at: float
    unsent_json: str
    devices: list[Device]
    labels: frozenset[str]
    locked: frozenset[str]  # ids of devices


class Roster:
    """What one process knows of the agents of one database. For one thread at a time."""

    def __init__(self) -> None:
        self._heard_at: dict[str, float] = {}
        self._entries: dict[str, Entry] = {}

    @property
    def entries(self) -> Collection[Entry]:
        """The agents by host and id, as of the last look."""
        return self._entries.values()

    def look(self, conn: sa.Connection) -> Roster:
        """Bring it up to date.

        Every report has a time of its own, so what has another than before has changed: also where a transaction that
        was seen here has been undone, or the database was put back to an earlier state.
        """
        heard_at: dict[str, float] = {agent_id: at for agent_id, at in conn.execute(_HEARD)}  # noqa: C416
        if heard_at != self._heard_at:
            keys = [agent_id for agent_id, _ in heard_at.items() - self._heard_at.items()]
            known = self._entries | {row.id: _entry(row) for row in conn.execute(_SOME, {"keys": keys})}
            self._entries, self._heard_at = {agent_id: known[agent_id] for agent_id in heard_at}, heard_at
        return self


def _entry(row: Any) -> Entry:
    devices = decode_devices(row.devices_json)
    locked = frozenset(device.id for device in devices if device.locked)
    labels = frozenset(decode_labels(row.labels_json))
    return Entry(row.id, row.host, row.version, row.boot, row.heard_at, row.unsent_json, devices, labels, locked)
