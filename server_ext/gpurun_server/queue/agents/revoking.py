"""A machine is let in no more: what it carried out is over, and its sessions are."""

from __future__ import annotations

import sqlalchemy as sa

from gpurun_jupyter.core.runs import HEARD_OF
from gpurun_server.queue.agents.leases import machine_gone
from gpurun_server.queue.ledger.sessions import end_all
from gpurun_server.queue.lifecycle.ending import end_attempt
from gpurun_server.store import agent_keys
from gpurun_server.store.database import Writing
from gpurun_server.store.tables import agents, attempts, runs

_OPEN = (
    sa.select(attempts.c.run_id, attempts.c.number, runs.c.stop_by)
    .join(runs, runs.c.id == attempts.c.run_id)
    .where(attempts.c.agent_id == sa.bindparam("agent"), attempts.c.ended_at.is_(None), runs.c.kind.not_in(HEARD_OF))
)


def revoke(writing: Writing, agent_id: str, *, by: str) -> None:
    """Take back the key of an agent that this person invited, and end what it has. Raises AgentNotFound.

    Its runs end as lost, as cancelled where somebody had stopped them, or are tried again elsewhere where retries were
    asked for: nothing that it says from now on would be believed. It hears of it by its next report, and ends them
    over there.
    """
    conn = writing.conn
    agent_keys.revoke(writing, agent_id, by=by)  # first: it refuses who did not invite the machine
    removed = f"{by} removed the machine {agent_id}"
    for attempt in conn.execute(_OPEN, {"agent": agent_id}).all():  # all, before these rows are changed
        end_attempt(writing, attempt.run_id, attempt.number, machine_gone(removed, attempt.stop_by), by)
    end_all(conn, agent_id)
    # else its devices would be shown as those of a machine that is silent
    conn.execute(sa.delete(agents).where(agents.c.id == agent_id))
    writing.rings |= {"agents", "queue", "work"}
