"""Removing a machine for good: its key is revoked, so it can never report again what it carries out."""

from __future__ import annotations

import sqlalchemy as sa

from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_server.queue.ending import end_attempt
from gpurun_server.store import agent_keys
from gpurun_server.store.database import Writing
from gpurun_server.store.tables import attempts, runs, sessions

_HELD = (
    sa.select(attempts.c.run_id, attempts.c.number, runs.c.stop_by)
    .join(runs, runs.c.id == attempts.c.run_id)
    .where(attempts.c.agent_id == sa.bindparam("agent"), attempts.c.ended_at.is_(None))
)
_SESSIONS = sa.delete(sessions).where(sessions.c.agent_id == sa.bindparam("agent"))


def remove_machine(writing: Writing, agent_id: str, *, by: str) -> None:
    """Let an agent in no more. What it holds has ended for us: lost, or stopped where somebody asked for that.

    Raises AgentNotFound unless `by` has invited it.
    """
    agent_keys.revoke(writing, agent_id, by=by)
    for held in writing.conn.execute(_HELD, {"agent": agent_id}).all():
        end_attempt(writing, held.run_id, held.number, _end(agent_id, by, held.stop_by), by)
    writing.conn.execute(_SESSIONS, {"agent": agent_id})
    writing.rings |= {"queue", "work"}


def _end(agent_id: str, by: str, stop_by: str | None) -> End:
    removed = f"{by} removed the machine {agent_id}"
    if stop_by is not None:
        return End(
            outcome=Outcome.CANCELLED, reason=Reason.CANCELLED_BY, message=f"stopped by {stop_by}, then {removed}"
        )
    message = f"{removed}; what runs there is not heard of any more"
    return End(outcome=Outcome.FAILED, reason=Reason.AGENT_LOST, message=message)
