"""Leases: when an agent is out of sight, what becomes of its runs.

A lease lapses only after a full period in which the judge itself was up and the database answered, by a clock that
never jumps: an outage of the server, a suspended laptop or a changed wall clock loses no run. Agents of this machine
and boot are never judged: their runners' own identities say whether they live, and the agent is started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_jupyter.core.runs import HEARD_OF
from gpurun_server.queue.lifecycle.ending import finish, retry
from gpurun_server.queue.lifecycle.transitions import move
from gpurun_server.store.database import Writing
from gpurun_server.store.tables import agents, attempts, runs

#: The judge looks this often; more than twice as long between two looks, and it was not up itself.
LOOK_S = 5.0


@dataclass(frozen=True)
class Terms:
    """Seconds of silence after which runs are called lost, tried again if retries were asked for, given up."""

    lost_s: float = 60.0
    retry_s: float = 600.0
    given_up_s: float = 86_400.0


class Judge:
    """Measures each agent's silence. `heard` is whatever changes when an agent reports; its value means nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked = clock()
        self._heard: dict[str, float] = {}
        self._silence_s: dict[str, float] = {}

    def look(self, heard: Mapping[str, float]) -> dict[str, float]:
        """How long each agent has been silent, in seconds that this judge has witnessed."""
        now = self._clock()
        passed_s = now - self._looked
        # else the judge was away itself, and no silence is proven
        witnessed_s = passed_s if passed_s <= 2 * LOOK_S else 0.0
        self._looked = now
        self._silence_s = {
            agent: self._silence_s.get(agent, 0.0) + witnessed_s if self._heard.get(agent) == at else 0.0
            for agent, at in heard.items()
        }
        self._heard = dict(heard)
        return dict(self._silence_s)


def last_reports(conn: sa.Connection, this_boot: str) -> dict[str, float]:
    """When each agent of another machine, or of another boot of this one, was last heard."""
    rows = conn.execute(sa.select(agents.c.id, agents.c.heard_at).where(agents.c.boot != this_boot))
    return {row.id: row.heard_at for row in rows}


def enforce(writing: Writing, silence_s: Mapping[str, float], terms: Terms) -> None:
    """Let go, step by step, of the runs of agents that have been silent too long."""
    for agent_id, silent_s in silence_s.items():
        if silent_s >= terms.lost_s:
            _enforce_on(writing, agent_id, silent_s, terms)


def found_again(writing: Writing, run_id: str, agent_id: str) -> None:
    """The agent of a lost run reports it: it was running all the while, or about to end if somebody asked for that."""
    asked_to_stop = writing.conn.scalar(sa.select(runs.c.stop_by).where(runs.c.id == run_id))
    state = State.STOPPING if asked_to_stop else State.RUNNING
    move(writing, run_id, state, by=f"agent {agent_id}", message="found again")


def _enforce_on(writing: Writing, agent_id: str, silent_s: float, terms: Terms) -> None:
    query = (
        sa.select(runs.c.id, runs.c.state, runs.c.retries_left, runs.c.stop_by, runs.c.started_at)
        .join(attempts, attempts.c.run_id == runs.c.id)
        .where(attempts.c.agent_id == agent_id, attempts.c.ended_at.is_(None), runs.c.kind.not_in(HEARD_OF))
    )
    for run in writing.conn.execute(query).all():  # all of it, before these rows are changed
        message = f"agent {agent_id} has not been heard for {silent_s:.0f} s"
        if State(run.state) is not State.LOST:
            move(writing, run.id, State.LOST, by="the lease", message=message)
        elif silent_s >= terms.given_up_s:
            # the clock may have been set back since it began
            ended_at = max(time.time(), run.started_at or 0.0)
            finish(writing, run.id, machine_gone(message, run.stop_by), "the lease", ended_at=ended_at)
        elif silent_s >= terms.retry_s and run.retries_left and not run.stop_by:
            retry(writing, run.id, run.retries_left, by="the lease", message=message)


def machine_gone(message: str, stop_by: str | None) -> End:
    """How a run ends whose machine is not waited for any more; what somebody had stopped before was stopped."""
    if stop_by is not None:
        return End(Outcome.CANCELLED, Reason.CANCELLED_BY, message=f"stopped by {stop_by}; then {message}")
    return End(Outcome.FAILED, Reason.AGENT_LOST, message=message)
