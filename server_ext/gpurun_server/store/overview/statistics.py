"""Statistics over all runs, as the database counts them."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_server.store.overview.best import BestRun, best_of_projects
from gpurun_server.store.queries import COUNTED_AS, kept_of
from gpurun_server.store.tables import model_versions, runs

_DAY_S = 86_400.0


class Project(msgspec.Struct):
    """A project: how many runs in each state and with each outcome, when it last got one (epoch seconds),
    and the best of its newest."""

    name: str
    runs: int
    states: dict[str, int]
    outcomes: dict[str, int]
    latest_at: float
    best: BestRun | None = None


class DeviceUse(msgspec.Struct):
    """How many runs a device has carried out, and for how many seconds in all."""

    agent: str
    device: str
    runs: int
    seconds: float


class Statistics(msgspec.Struct):
    """Counts of runs and of versions of models; durations are means over finished runs, in seconds."""

    states: dict[str, int]
    outcomes: dict[str, int]
    outcomes_last_day: dict[str, int]
    mean_duration_s: dict[str, float]  # by kind
    devices: list[DeviceUse]
    models: dict[str, int]  # versions by status


def projects(conn: sa.Connection, owner: str) -> list[Project]:
    """Every project that has runs of this owner; the one with the newest run first."""
    count = sa.func.count().label("number")
    rows = conn.execute(
        sa.select(runs.c.project, COUNTED_AS, runs.c.outcome, count, sa.func.max(runs.c.created_at).label("latest"))
        .where(kept_of(owner))
        .group_by(runs.c.project, COUNTED_AS, runs.c.outcome)
    )
    found: dict[str, Project] = {}
    for row in rows:
        project = found.setdefault(row.project, Project(row.project, 0, {}, {}, 0.0))
        project.runs += row.number
        project.states[row.counted_as] = project.states.get(row.counted_as, 0) + row.number
        if row.outcome:
            project.outcomes[row.outcome] = row.number
        project.latest_at = max(project.latest_at, row.latest)
    for name, best in best_of_projects(conn, owner).items():
        if name in found:
            found[name].best = best
    return sorted(found.values(), key=lambda project: -project.latest_at)


def statistics(conn: sa.Connection, owner: str) -> Statistics:
    """The numbers of all runs of an owner that are not deleted."""
    kept = kept_of(owner)
    finished = sa.and_(kept, runs.c.state == "finished")
    duration = runs.c.finished_at - runs.c.started_at
    of_last_day = sa.and_(finished, runs.c.finished_at > time.time() - _DAY_S)
    mean = sa.select(runs.c.kind, sa.func.avg(duration)).where(finished, runs.c.started_at.is_not(None))
    return Statistics(
        states=_counted(conn, COUNTED_AS, kept),
        outcomes=_counted(conn, runs.c.outcome, finished),
        outcomes_last_day=_counted(conn, runs.c.outcome, of_last_day),
        mean_duration_s={row[0]: float(row[1]) for row in conn.execute(mean.group_by(runs.c.kind))},
        devices=_device_use(conn, duration, finished),
        models=_counted(conn, model_versions.c.status, model_versions.c.owner == owner),
    )


def _counted(conn: sa.Connection, column: sa.ColumnElement[Any], where: sa.ColumnElement[bool]) -> dict[str, int]:
    query = sa.select(column, sa.func.count()).where(where).group_by(column)
    return {row[0]: row[1] for row in conn.execute(query)}


def _device_use(
    conn: sa.Connection, duration: sa.ColumnElement[float], finished: sa.ColumnElement[bool]
) -> list[DeviceUse]:
    """By the devices of each run's last attempt; a run on two GPUs counts for both."""
    query = (
        sa.select(runs.c.agent_id, runs.c.devices_json, sa.func.count(), sa.func.sum(duration))
        .where(finished, runs.c.started_at.is_not(None), runs.c.agent_id.is_not(None))
        .group_by(runs.c.agent_id, runs.c.devices_json)
    )
    found: dict[tuple[str, str], DeviceUse] = {}
    for agent, devices, count, seconds in conn.execute(query):
        for label in msgspec.json.decode(devices, type=list[str]):
            use = found.setdefault((agent, label), DeviceUse(agent, label, 0, 0.0))
            use.runs += count
            use.seconds += seconds
    return sorted(found.values(), key=lambda use: (use.agent, use.device))
