"""A machine is let in no more: what it carried out is over, and its sessions are."""

from __future__ import annotations

import sqlalchemy as sa

from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_server.queue.ending import end_attempt
from gpurun_server.store import agent_keys
from gpurun_server.store.database import Writing
from gpurun_server.store.tables import agents, attempts, sessions

_OPEN = sa.select(attempts.c.run_id, attempts.c.number).where(attempts.c.agent_id == sa.bindparam("agent"))


def revoke(writing: Writing, agent_id: str, *, by: str) -> None:
    """Take back the key of an agent that this person invited, and end what it has. Raises AgentNotFound.

    Its runs end as lost, or are tried again elsewhere where retries were asked for: nothing that it says from now on
    would be believed. It hears of it by its next report, and ends them over there.
    """
    conn = writing.conn
    agent_keys.revoke(writing, agent_id, by=by)
    message = f"the machine {agent_id} was revoked by {by}"
    end = End(outcome=Outcome.FAILED, reason=Reason.AGENT_LOST, message=message)
    for attempt in conn.execute(_OPEN.where(attempts.c.ended_at.is_(None)), {"agent": agent_id}).all():
        end_attempt(writing, attempt.run_id, attempt.number, end, by)
    conn.execute(sa.delete(sessions).where(sessions.c.agent_id == agent_id))
    conn.execute(sa.delete(agents).where(agents.c.id == agent_id))
    writing.rings |= {"agents", "queue", "work"}
