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
from gpurun_server.store.queries import encode, is_everybody
from gpurun_server.store.search import window
from gpurun_server.store.search.criteria import COMPARED, Clause
from gpurun_server.store.search.names import Column, Metric, Parameter
from gpurun_server.store.summaries import LONGEST, number_of
from gpurun_server.store.tables import began, run_metrics, run_params, runs

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
_TIMES: dict[str, sa.ColumnElement[Any]] = {"start_time": began, "end_time": runs.c.finished_at}
_STATUS = "status"
#: Tags that are columns.
_TAGS: dict[str, sa.ColumnElement[Any]] = {RUN_NAME: runs.c.name, USER: runs.c.owner, PARENT: runs.c.parent}
_MS = 1000
#: So many runs with a value are few: they are found first, then looked at. Of more, each run that comes is looked at.
_FEW = 2000


class Wanted(NamedTuple):
    """A search: what has to be fulfilled, in which order, and which of deleted runs and others.

    `projects` are those in which it looks, None for all of the owner's.
    """

    projects: Sequence[str] | None
    where: Sequence[Comparison] = ()
    orders: Sequence[Order] = ()
    view: str = "ACTIVE_ONLY"


def tracked(conn: sa.Connection, owner: str, wanted: Wanted, offset: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Rows of an owner's runs that fit. Raises Refused for what runs do not have."""
    found = [_clause(conn, one) for one in wanted.where]
    if wanted.projects is not None:
        in_one = len(wanted.projects) == 1
        found.insert(0, runs.c.project == wanted.projects[0] if in_one else runs.c.project.in_(wanted.projects))
    if not is_everybody(conn, owner):
        found.append(runs.c.owner == owner)
    orders = wanted.orders or [_NEWEST]
    orders = orders[:1] if orders[0] == _NEWEST else orders
    if wanted.view == "ACTIVE_ONLY" and len(orders) < 2:
        first = _by_metric(conn, orders[0], found, offset, limit) if orders[0].kind == "metric" else []
        whole = len(first) == limit
        return _read(conn, first if whole else window.ordered(conn, _order(conn, orders), found, offset, limit))
    if wanted.view != "ALL":
        is_kept = window.kept(runs.c.seq)
        found.append(is_kept if wanted.view == "ACTIVE_ONLY" else sa.not_(is_kept))
    query = _sorted(conn, sa.select(runs.c.seq).where(*found), orders)
    return _read(conn, conn.scalars(query.offset(offset).limit(limit)).all())


def _read(conn: sa.Connection, numbers: Sequence[int]) -> list[sa.Row[Any]]:
    """The whole rows, in this order."""
    rows = {row.seq: row for row in conn.execute(sa.select(runs).where(runs.c.seq.in_(numbers)))}
    return [rows[number] for number in numbers if number in rows]


#: The order if nobody says otherwise; pages of MLflow ask for it.
_NEWEST = Order("attribute", "start_time", is_descending=True)


def _by_metric(conn: sa.Connection, by: Order, found: Sequence[Clause], offset: int, limit: int) -> Sequence[int]:
    """Those that have the metric, read in its order until there are enough; none where few fit, who are found first."""
    if any(isinstance(clause, sa.BinaryExpression) and clause.left is runs.c.seq for clause in found):
        return []
    fits_too = sa.exists(sa.select(runs.c.seq).where(runs.c.seq == run_metrics.c.run, *found).correlate(run_metrics))
    value = run_metrics.c.last
    query = sa.select(run_metrics.c.run).where(run_metrics.c.name == by.key, value.is_not(None), fits_too)
    directed = value.desc() if by.is_descending else value.asc()
    query = query.where(window.kept(run_metrics.c.run)).order_by(directed, run_metrics.c.run.desc())
    return conn.scalars(query.offset(offset).limit(limit)).all()


def _order(conn: sa.Connection, orders: Sequence[Order]) -> window.Order:
    """A single order as our lists have it."""
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
        return began
    if (found := _TEXTS.get(by.key, _TIMES.get(by.key))) is not None:
        return found
    raise _unknown(by)


def _clause(conn: sa.Connection, one: Comparison) -> Clause:
    if one.kind == "metric":
        return _having(conn, one, run_metrics, COMPARED[one.operator](run_metrics.c.last, one.values[0]))
    if one.kind == "param":
        fitting = _texts(conn, one, run_params.c.text) if one.values else sa.true()
        if one.operator == "=":  # the index has the number before the text
            number = number_of(str(one.values[0])[:LONGEST])
            fitting = sa.and_(run_params.c.number.is_not_distinct_from(number), fitting)
        return _having(conn, one, run_params, fitting)
    if one.kind == "tag":
        told = _texts(conn, one, _tag(conn, one.key))
        is_there = runs.c.meta_json.contains(encode(one.key), autoescape=True)  # costs less than to read it
        return told if one.operator == "IS NULL" or one.key in _TAGS else sa.and_(is_there, told)
    return _attribute(conn, one)


def _having(conn: sa.Connection, one: Comparison, table: sa.Table, fitting: Clause) -> Clause:
    """The runs that have such a value."""
    having = sa.select(table.c.run).where(table.c.name == one.key, fitting)
    some = sa.select(sa.func.count()).select_from(having.limit(_FEW).subquery())
    if one.operator != "IS NULL" and (conn.scalar(some) or 0) < _FEW:
        return runs.c.seq.in_(having)
    is_there = sa.exists(having.where(table.c.run == runs.c.seq).correlate(runs))
    return sa.not_(is_there) if one.operator == "IS NULL" else is_there


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
