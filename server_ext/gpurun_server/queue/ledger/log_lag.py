"""How the server's copy of a log stands to what a run on another machine has printed."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.devices import Sync
from gpurun_jupyter.core.grants import Unsent
from gpurun_server.store.tables import agents

#: What the `boot` of an agent of another machine begins with.
REMOTE = "remote:"
#: An agent reports every two seconds, and lines travel at once: less silence, or less of a backlog, is no news.
_SILENCE_S, _BACKLOG_S = 4.0, 2.0

_AGENTS = sa.select(agents.c.id, agents.c.boot, agents.c.heard_at, agents.c.unsent_json).where(
    agents.c.id.in_(sa.bindparam("keys", expanding=True))
)
_unsent = msgspec.json.Decoder(list[Unsent])


class LogLag(NamedTuple):
    """Whether a log here is whole, on its way or behind, and by how many whole seconds; 0 is in step.

    Both are None on the server's own machine.
    """

    sync: Sync | None = None
    behind_s: float | None = None


HERE = LogLag()
IN_STEP = LogLag("synced", 0.0)


def log_lag(agent: Any, key: str | None = None) -> LogLag:
    """That of an attempt (`run/attempt`), or of all that an agent has at work. `agent` is a row of the agents."""
    if not agent.boot.startswith(REMOTE):
        return HERE
    silence_s = max(0.0, time.time() - agent.heard_at)
    if silence_s <= _SILENCE_S and agent.unsent_json == "[]":  # nearly always: nothing to decode
        return IN_STEP
    unsent = [one for one in _unsent.decode(agent.unsent_json) if key in (None, one.key)]
    backlog_s = max((one.since_s for one in unsent), default=0.0)
    if silence_s <= _SILENCE_S and backlog_s <= _BACKLOG_S:
        return IN_STEP
    on_its_way = all(silence_s + one.moved_s <= _SILENCE_S for one in unsent) and silence_s <= _SILENCE_S
    return LogLag("syncing" if on_its_way else "behind", float(round(silence_s + backlog_s)))


def log_lags(conn: sa.Connection, at_work: Collection[tuple[str, int, str]]) -> dict[str, LogLag]:
    """Those of attempts at work (run, number, agent), by run id."""
    if not at_work:
        return {}
    found = conn.execute(_AGENTS, {"keys": list({agent for _, _, agent in at_work})})
    known = {agent.id: agent for agent in found}
    # `files`, which stands for other tools, is no agent with a row
    return {run: log_lag(known[agent], f"{run}/{number}") for run, number, agent in at_work if agent in known}
