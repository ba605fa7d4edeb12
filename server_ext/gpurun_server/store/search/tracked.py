"""What clients of MLflow search for among runs, as SQL: their comparisons and orders, and deleted runs beside others.

It is put beside what our own conditions become (criteria.py); windows are found as those of our lists are (window.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.tracking.answers import PARENT, RUN_NAME, USER
from gpurun_jupyter.tracking.filters import Comparison, Order
from gpurun_jupyter.tracking.fitting import fits
from gpurun_jupyter.tracking.refusals import Refused
from gpurun_server.store.queries import is_everybody
from gpurun_server.store.search import window
from gpurun_server.store.search.criteria import COMPARED, Clause
from gpurun_server.store.search.names import Column, Metric, Parameter
from gpurun_server.store.summaries import LONGEST
from gpurun_server.store.tables import run_metrics, run_params, runs

_BEGAN = sa.func.coalesce(runs.c.started_at, runs.c.created_at)
_STATUSES: dict[str, Clause] = {
    "FINISHED": runs.c.outcome == Outcome.SUCCEEDED.value,
    "FAILED": runs.c.outcome.in_([Outcome.FAILED.value, Outcome.TIMED_OUT.value]),
    "KILLED": runs.c.outcome == Outcome.CANCELLED.value,
    "RUNNING": runs.c.state.not_in([State.CREATED.value, State.QUEUED.value, State.FINISHED.value]),
    "SCHEDULED": runs.c.state.in_([State.CREATED.value, State.QUEUED.value]),
}
_TEXTS: dict[str, sa.ColumnElement[Any]] = {
    "run_id": runs.c.id,
    "run_uuid": runs.c.id,
    "run_name": runs.c.name,
    "user_id": runs.c.owner,
    "artifact_uri": sa.literal("mlflow-artifacts:/") + runs.c.id + "/" + runs.c.id,  # of a run that is its own root
}
_TIMES: dict[str, sa.ColumnElement[Any]] = {"start_time": _BEGAN, "end_time": runs.c.finished_at}
_STATUS = "status"
#: Tags that are columns.
_TAGS: dict[str, sa.ColumnElement[Any]] = {RUN_NAME: runs.c.name, USER: runs.c.owner, PARENT: runs.c.parent}
_MS = 1000


class Wanted(NamedTuple):
    """A search: in which projects, what has to be fulfilled, in which order, and which of deleted runs and others."""

    projects: Sequence[str]
    where: Sequence[Comparison] = ()
    orders: Sequence[Order] = ()
    view: str = "ACTIVE_ONLY"


def tracked(conn: sa.Connection, owner: str, wanted: Wanted, offset: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Rows of an owner's runs that fit. Raises Refused for what runs do not have."""
    found = [runs.c.project.in_(wanted.projects), *(_clause(conn, one) for one in wanted.where)]
    if len(wanted.projects) == 1:
        found[0] = runs.c.project == wanted.projects[0]
    if not is_everybody(conn, owner):
        found.append(runs.c.owner == owner)
    orders = wanted.orders[:1] if wanted.orders and wanted.orders[0] == _NEWEST else wanted.orders
    if wanted.view == "ACTIVE_ONLY" and len(orders) < 2 and (known := _order(conn, orders)):
        return _read(conn, window.ordered(conn, known, found, offset, limit))
    if wanted.view != "ALL":
        is_kept = window.kept(runs.c.seq)
        found.append(is_kept if wanted.view == "ACTIVE_ONLY" else sa.not_(is_kept))
    query = _sorted(conn, sa.select(runs.c.seq).where(*found), orders)
    return _read(conn, conn.scalars(query.offset(offset).limit(limit)).all())


def _read(conn: sa.Connection, numbers: Sequence[int]) -> list[sa.Row[Any]]:
    """The whole rows, in this order."""
    rows = {row.seq: row for row in conn.execute(sa.select(runs).where(runs.c.seq.in_(numbers)))}
    return [rows[number] for number in numbers if number in rows]


#: What pages of MLflow ask for if nobody says otherwise.
_NEWEST = Order("attribute", "start_time", is_descending=True)


def _order(conn: sa.Connection, orders: Sequence[Order]) -> window.Order | None:
    """A single order as our lists have it; None where it is something that they do not know."""
    if not orders:
        return window.Order()
    by = orders[0]
    if by.kind in ("metric", "param"):
        return window.Order(Metric(by.key) if by.kind == "metric" else Parameter(by.key), by.is_descending)
    return window.Order(Column(_expression(conn, by), "text"), by.is_descending)


def _sorted(conn: sa.Connection, query: sa.Select[Any], orders: Sequence[Order]) -> sa.Select[Any]:
    for by in orders:
        value = _expression(conn, by)
        if by.kind in ("metric", "param"):
            table = (run_metrics if by.kind == "metric" else run_params).alias()
            query = query.outerjoin(table, sa.and_(table.c.run == runs.c.seq, table.c.name == by.key))
            value = table.c.last if by.kind == "metric" else table.c.text
        query = query.order_by((value.desc() if by.is_descending else value.asc()).nulls_last())
    return query.order_by(runs.c.seq.desc())


def _expression(conn: sa.Connection, by: Order) -> sa.ColumnElement[Any]:
    if by.kind in ("metric", "param"):
        return sa.null()
    if by.kind == "tag":
        return _tag(conn, by.key)
    if by.key == _STATUS:
        return sa.case(*((clause, word) for word, clause in _STATUSES.items()))
    if by.key in ("created", "Created"):  # as MLflow's page calls it
        return _BEGAN
    if (found := _TEXTS.get(by.key, _TIMES.get(by.key))) is not None:
        return found
    raise _unknown(by)


def _clause(conn: sa.Connection, one: Comparison) -> Clause:
    if one.kind == "metric":
        return _having(one, run_metrics, COMPARED[one.operator](run_metrics.c.last, one.values[0]))
    if one.kind == "param":
        fitting = _texts(conn, one, run_params.c.text) if one.values else sa.true()
        return _having(one, run_params, fitting)
    if one.kind == "tag":
        return _texts(conn, one, _tag(conn, one.key))
    return _attribute(conn, one)


def _having(one: Comparison, table: sa.Table, fitting: Clause) -> Clause:
    having = sa.select(table.c.run).where(table.c.name == one.key, fitting)
    return runs.c.seq.not_in(having) if one.operator == "IS NULL" else runs.c.seq.in_(having)


def _attribute(conn: sa.Connection, one: Comparison) -> Clause:
    if one.kind == "attribute" and one.key == _STATUS:
        return sa.or_(sa.false(), *(clause for word, clause in _STATUSES.items() if fits(word, *one[2:])))
    if one.kind == "attribute" and one.key in _TIMES:
        return COMPARED[one.operator](sa.func.round(_TIMES[one.key] * _MS), one.values[0])
    if one.kind == "attribute" and one.key in _TEXTS:
        return _texts(conn, one, _TEXTS[one.key])
    raise _unknown(one)


def _unknown(one: Comparison | Order) -> Refused:
    known = ", ".join((*_TEXTS, *_TIMES, _STATUS))
    return Refused(f"Runs have no {one.kind}.{one.key}; there are metrics, params, tags and the attributes {known}.")


def _texts(conn: sa.Connection, one: Comparison, column: sa.ColumnElement[Any]) -> Clause:
    values = [str(value)[:LONGEST] if one.kind == "param" else str(value) for value in one.values]
    by_operator: dict[str, Callable[[], Clause]] = {
        "=": lambda: column == values[0],
        "!=": lambda: column != values[0],
        "IN": lambda: column.in_(values),
        "NOT IN": lambda: column.not_in(values),
        "LIKE": lambda: _like(conn, column, values[0]),
        "ILIKE": lambda: column.ilike(_literal(conn, values[0])),
        "IS NULL": lambda: column.is_(None),
        "IS NOT NULL": lambda: column.is_not(None),
    }
    return by_operator[one.operator]()


def _like(conn: sa.Connection, column: sa.ColumnElement[Any], pattern: str) -> Clause:
    """Where capitals count: in SQLite's LIKE they do not, in its GLOB they do."""
    if conn.dialect.name != "sqlite":
        return column.like(_literal(conn, pattern))
    signs = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return column.op("GLOB", is_comparison=True)("".join(signs.get(sign, sign) for sign in pattern))


def _literal(conn: sa.Connection, pattern: str) -> str:
    """A backslash is one: to PostgreSQL it would say that the next sign stands for itself."""
    return pattern if conn.dialect.name == "sqlite" else pattern.replace("\\", "\\\\")


def _tag(conn: sa.Connection, key: str) -> sa.ColumnElement[Any]:
    """A tag as a text: a column, or one of the facts about the run."""
    if key in _TAGS:
        return _TAGS[key]
    if conn.dialect.name != "sqlite":
        return sa.cast(runs.c.meta_json, sa.JSON).op("->>", return_type=sa.Text)(key)
    facts = sa.func.json_each(runs.c.meta_json).table_valued("key", "value", joins_implicitly=True)
    return sa.cast(sa.select(facts.c.value).where(facts.c.key == key).limit(1).scalar_subquery(), sa.Text)
