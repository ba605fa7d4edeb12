"""An agent's report and the answer to it, in one transaction: what has ended is taken in, then it claims."""

from __future__ import annotations

import sqlalchemy as sa

from gpurun_jupyter.core.errors import NotHeld
from gpurun_jupyter.core.grants import Ended, Orders, Report
from gpurun_jupyter.core.home import Home
from gpurun_server.queue.claims import claim
from gpurun_server.queue.ending import end_attempt
from gpurun_server.queue.ingest import ingest
from gpurun_server.queue.ledger import Ledger
from gpurun_server.store.database import Writing
from gpurun_server.store.folders.logs import with_duration
from gpurun_server.store.tables import attempts

_HOLDER = sa.select(attempts.c.agent_id).where(
    attempts.c.run_id == sa.bindparam("run"), attempts.c.number == sa.bindparam("number")
)
_HELD = sa.select(attempts.c.run_id).where(
    attempts.c.run_id == sa.bindparam("run"),
    attempts.c.number == sa.bindparam("number"),
    attempts.c.agent_id == sa.bindparam("agent"),
    attempts.c.token == sa.bindparam("token"),
    attempts.c.ended_at.is_(None),
)


def sync(writing: Writing, home: Home, ledger: Ledger, report: Report) -> Orders:
    """Take in what has ended, and claim. Raises NotHeld where another agent's attempt is said to have ended."""
    for ended in report.ended:
        if _is_known(writing.conn, report.agent_id, ended):
            log, by = home.attempt(ended.run_id, ended.attempt).events, f"agent {report.agent_id}"
            while ingest(writing, ended.run_id, ended.attempt, log, by):
                pass
            end = with_duration(ended.end, log)  # where the runner was killed the log has no end
            end_attempt(writing, ended.run_id, ended.attempt, end, by)
    return claim(writing, ledger, report)


def check_held(conn: sa.Connection, agent_id: str, run_id: str, number: int, token: str) -> None:
    """Raises NotHeld unless the agent holds this attempt, and it has not ended."""
    if conn.execute(_HELD, {"run": run_id, "number": number, "agent": agent_id, "token": token}).first() is None:
        raise NotHeld(f"Agent {agent_id} does not hold attempt {number} of run {run_id}.", "It may be over.")


def _is_known(conn: sa.Connection, agent_id: str, ended: Ended) -> bool:
    """Whether there still is such an attempt; its run may have been deleted meanwhile."""
    holder = conn.scalar(_HOLDER, {"run": ended.run_id, "number": ended.attempt})
    if holder not in (None, agent_id):
        raise NotHeld(f"Agent {agent_id} does not hold attempt {ended.attempt} of run {ended.run_id}.")
    return holder is not None
