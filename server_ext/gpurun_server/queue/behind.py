"""How far the server's copy of a log is behind what a run on another machine has printed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.grants import Unsent
from gpurun_jupyter.core.lifecycle import ACTIVE, State
from gpurun_server.store.tables import agents

#: What the `boot` of an agent of another machine begins with.
REMOTE = "remote:"
#: An agent reports every two seconds: less than this is no news.
_NEWS_S = 4.0

_AGENTS = sa.select(agents.c.id, agents.c.boot, agents.c.heard_at, agents.c.unsent_json).where(
    agents.c.id.in_(sa.bindparam("keys", expanding=True))
)
_unsent = msgspec.json.Decoder(list[Unsent])


def behind_s(agent: Any, key: str | None = None) -> float | None:
    """Whole seconds, for an attempt (`run/attempt`) or for all of an agent; 0 is in step, None on this machine."""
    if not agent.boot.startswith(REMOTE):
        return None
    if agent.unsent_json == "[]" and time.time() - agent.heard_at <= _NEWS_S:
        return 0.0
    waiting = [one.since_s for one in _unsent.decode(agent.unsent_json) if key in (None, one.key)]
    seconds = time.time() - agent.heard_at + max(waiting, default=0.0)
    return float(round(seconds)) if seconds > _NEWS_S else 0.0


def behind_by_run(conn: sa.Connection, rows: Iterable[Any]) -> dict[str, float | None]:
    """The same by run id for those of these rows of runs that are at work."""
    at_work = [row for row in rows if row.agent_id is not None and State(row.state) in ACTIVE]
    if not at_work:
        return {}
    found = conn.execute(_AGENTS, {"keys": list({row.agent_id for row in at_work})})
    known = {agent.id: agent for agent in found}
    return {
        row.id: behind_s(known[row.agent_id], f"{row.id}/{row.attempt}") for row in at_work if row.agent_id in known
    }
