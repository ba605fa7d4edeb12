"""What can be asked of a run: its columns, metrics and parameters, by the names that conditions and orders use."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from gpurun_server.store.queries import is_everybody
from gpurun_server.store.tables import run_metrics, run_params, runs

Kind = Literal["text", "number", "time", "duration", "state", "tags"]


@dataclass(frozen=True)
class Column:
    """A column of runs: what it is computed from, and how values are compared with it."""

    expression: sa.ColumnElement[Any]
    kind: Kind


@dataclass(frozen=True)
class Metric:
    """A metric by name: its `last`, `min` or `max` value."""

    name: str
    side: str = "last"


@dataclass(frozen=True)
class Parameter:
    """A parameter by name."""

    name: str


Subject = Column | Metric | Parameter

COLUMNS: dict[str, Column] = {
    "id": Column(runs.c.id, "text"),
    "name": Column(runs.c.name, "text"),
    "project": Column(runs.c.project, "text"),
    "owner": Column(runs.c.owner, "text"),
    "kind": Column(runs.c.kind, "text"),
    "state": Column(runs.c.state, "state"),
    "outcome": Column(runs.c.outcome, "text"),
    "reason": Column(runs.c.reason, "text"),
    "message": Column(runs.c.message, "text"),
    "tag": Column(runs.c.tags_json, "tags"),
    "priority": Column(runs.c.priority, "number"),
    "gpu": Column(runs.c.gpu, "number"),
    "attempt": Column(runs.c.attempt, "number"),
    "agent": Column(runs.c.agent_id, "text"),
    "session": Column(runs.c.session, "text"),
    "parent": Column(runs.c.parent, "text"),
    "created": Column(runs.c.created_at, "time"),
    "queued": Column(runs.c.queued_at, "time"),
    "started": Column(runs.c.started_at, "time"),
    "finished": Column(runs.c.finished_at, "time"),
    "duration": Column(runs.c.finished_at - runs.c.started_at, "duration"),
}
_ALSO = {
    "tags": "tag",
    "created_at": "created",
    "queued_at": "queued",
    "started_at": "started",
    "finished_at": "finished",
}
_SIDES = ("last", "min", "max")
_PREFIXES = {"metric.": "metric", "metrics.": "metric", "param.": "parameter", "params.": "parameter"}
_MOST_TOLD = 12


class Columns(msgspec.Struct):
    """What lists of runs can show, be filtered and sorted by; projects, owners and tags are values that there are."""

    columns: list[str]
    metrics: list[str]
    parameters: list[str]
    projects: list[str]
    owners: list[str]
    tags: list[str]


class UnknownName(LookupError):
    """Raised for a name that nothing has; `known` is a sentence about what there is."""

    def __init__(self, problem: str, known: str) -> None:
        super().__init__(problem)
        self.known = known


def resolve(conn: sa.Connection, owner: str, name: str) -> Subject:
    """What a name means: a column, else a metric that a run of the owner has, else a parameter. Raises UnknownName."""
    if column := COLUMNS.get(_ALSO.get(name.lower(), name.lower())):
        return column
    prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), "")
    rest, wanted = name.removeprefix(prefix), _PREFIXES.get(prefix, "")
    if wanted != "parameter" and (metric := _metric(conn, owner, rest)):
        return metric
    if wanted != "metric" and _exists(conn, owner, run_params, rest):
        return Parameter(rest)
    raise _unknown(conn, owner, name, rest)


def columns(conn: sa.Connection, owner: str) -> Columns:
    """What there is now among the runs of an owner."""
    tags = conn.scalars(sa.select(runs.c.tags_json).where(runs.c.owner == owner).distinct()).all()
    return Columns(
        columns=list(COLUMNS),
        metrics=names_in(conn, owner, run_metrics.c.name),
        parameters=names_in(conn, owner, run_params.c.name),
        projects=names_in(conn, owner, runs.c.project),
        owners=[owner],
        tags=sorted({tag for text in tags for tag in msgspec.json.decode(text, type=list[str])}),
    )


def names_in(conn: sa.Connection, owner: str, column: sa.Column[str]) -> list[str]:
    """Every value of a column among an owner's runs, in order.

    The column leads an index. Where all runs are the owner's, that takes one look for each value, not for each row.
    """
    if not is_everybody(conn, owner):
        return list(conn.scalars(sa.select(column).where(_is_of(owner, column.table)).distinct().order_by(column)))
    smallest = sa.select(sa.func.min(column).label("value")).cte("found", recursive=True)
    following = sa.select(sa.func.min(column)).where(column > smallest.c.value).scalar_subquery()
    found = smallest.union_all(sa.select(following).where(smallest.c.value.is_not(None)))
    return [value for value in conn.scalars(sa.select(found.c.value)) if value is not None]


def _is_of(owner: str, table: sa.FromClause) -> sa.ColumnElement[bool]:
    if table is runs:
        return runs.c.owner == owner
    return table.c.run.in_(sa.select(runs.c.seq).where(runs.c.owner == owner))


def _metric(conn: sa.Connection, owner: str, name: str) -> Metric | None:
    if _exists(conn, owner, run_metrics, name):  # a metric may itself be called x.min
        return Metric(name)
    stem, _, side = name.rpartition(".")
    return Metric(stem, side) if side in _SIDES and _exists(conn, owner, run_metrics, stem) else None


def _exists(conn: sa.Connection, owner: str, table: sa.Table, name: str) -> bool:
    query = sa.select(sa.literal(1)).select_from(table).where(table.c.name == name)
    if not is_everybody(conn, owner):
        query = query.where(_is_of(owner, table))
    return conn.scalar(query.limit(1)) is not None


def _unknown(conn: sa.Connection, owner: str, name: str, rest: str) -> UnknownName:
    metrics, parameters = names_in(conn, owner, run_metrics.c.name), names_in(conn, owner, run_params.c.name)
    close = difflib.get_close_matches(rest, [*metrics, *parameters, *COLUMNS], 1)
    guess = f"; did you mean {close[0]}?" if close else ""
    kinds = (("metrics", metrics), ("parameters", parameters), ("columns", COLUMNS))
    known = "; ".join(f"{kind} {_listed(names)}" for kind, names in kinds if names)
    return UnknownName(f'no run has a metric or parameter "{name}"{guess}', f"There are {known}.")


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MOST_TOLD} more" if len(every) > _MOST_TOLD + 8 else ""
    return ", ".join(every[:_MOST_TOLD] if more else every) + more
