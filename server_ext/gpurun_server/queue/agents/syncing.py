"""An agent's report and the answer to it, in one transaction: what has ended is taken in, then it claims."""

from __future__ import annotations

import logging

import sqlalchemy as sa

from gpurun_jupyter.core.errors import NotHeld, StorageUnusable
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Ended, Orders, Report
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_server.queue.agents.claims import claim
from gpurun_server.queue.intake.ingest import ingest
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.lifecycle.ending import end_attempt
from gpurun_server.store.database import Writing
from gpurun_server.store.folders.logs import with_duration
from gpurun_server.store.tables import attempts

log = logging.getLogger("gpurun.queue")

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
    # before the claim, for which the devices of these are free
    for ended in report.ended:
        if _is_known(writing.conn, report.agent_id, ended):
            by = f"agent {report.agent_id}"
            # the log before the end: an attempt that has ended takes nothing in any more
            end_attempt(writing, ended.run_id, ended.attempt, _taken_in(writing, home, ended, by), by)
    return claim(writing, ledger, report)


def _taken_in(writing: Writing, home: Home, ended: Ended, by: str) -> End:
    """How it ended, once the rest of its log is taken in; where that cannot be done, it alone is the worse for it."""
    path = home.attempt(ended.run_id, ended.attempt).events
    try:
        # half a log must not count, and after an error PostgreSQL takes nothing more in a transaction
        with writing.conn.begin_nested():
            while ingest(writing, ended.run_id, ended.attempt, path, by):
                pass
    except Exception as error:
        # a DataError is the log's: it says a value that the database does not take
        if isinstance(error, (sa.exc.DBAPIError, StorageUnusable)) and not isinstance(error, sa.exc.DataError):
            raise  # the database is to blame
        log.exception("%s/%d: its log was not taken in", ended.run_id, ended.attempt)
        message = f"Its log could not be taken in ({type(error).__name__}: {error})."
        return End(outcome=Outcome.FAILED, reason=Reason.DAMAGED, message=message)
    return with_duration(ended.end, path)  # where the runner was killed the log has no end


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
