"""A window on the list of runs: those that fulfil filters, in an order, from an offset on.

First the numbers (`seq`) of the runs are found, from indices where that goes, then the rows of the window: rows
are wide, and there are many. docs/decisions/0031 has what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_server.store.queries import LISTED, Filters, is_everybody
from gpurun_server.store.search.conditions import parse
from gpurun_server.store.search.criteria import Clause, Numbers, any_text_contains, clause_of, values_of
from gpurun_server.store.search.moments import moment
from gpurun_server.store.search.names import Column, Metric, Parameter, UnknownName, resolve
from gpurun_server.store.tables import run_metrics, run_params, runs

Row = sa.Row[Any]

#: Deleted runs are few, and gone after ten minutes: looking them up by their index spares a look at every row.
_DELETED = sa.select(runs.c.seq).where(runs.c.deleted_at.is_not(None))


@dataclass(frozen=True)
class Order:
    """What a list is sorted by; None for the newest first."""

    subject: Column | Metric | Parameter | None = None
    is_descending: bool = True


def kept(number: sa.ColumnElement[int]) -> Clause:
    """Whether the run of this number is not deleted."""
    return number.not_in(_DELETED)


def criteria(conn: sa.Connection, owner: str, filters: Filters) -> list[Clause]:
    """What runs of an owner have to fulfil, beside not being deleted. Raises InvalidRequest."""
    found: list[Clause] = [
        runs.c[column] == wanted
        for column in ("project", "state", "outcome", "owner", "parent")
        if (wanted := getattr(filters, column)) is not None
    ]
    if not is_everybody(conn, owner):
        found.append(runs.c.owner == owner)
    if filters.q:
        found.append(any_text_contains(conn, filters.q))
    if filters.after:
        found.append(runs.c.created_at >= moment(filters.after))
    if filters.before:
        found.append(runs.c.created_at < moment(filters.before))
    if filters.where and filters.where.strip():
        found.append(clause_of(conn, owner, parse(filters.where)))
    return found


def order_of(conn: sa.Connection, owner: str, text: str | None) -> Order:
    """`-acc` is the highest acc first, `name` from A to Z, nothing the newest first. Raises InvalidRequest."""
    if not text:
        return Order()
    try:
        return Order(resolve(conn, owner, text.removeprefix("-")), text.startswith("-"))
    except UnknownName as unknown:
        raise InvalidRequest(f"The list cannot be sorted: {unknown}", unknown.known) from None


def newest(conn: sa.Connection, owner: str, filters: Filters, limit: int) -> Sequence[Row]:
    """The newest runs that fulfil the filters, before the cursor; newest first. Raises InvalidRequest."""
    query = _matching(criteria(conn, owner, filters))
    if filters.cursor is not None:
        query = query.where(runs.c.seq < filters.cursor)
    return read(conn, conn.scalars(query.order_by(runs.c.seq.desc()).limit(limit)).all())


def window(conn: sa.Connection, owner: str, filters: Filters, offset: int, limit: int) -> Sequence[Row]:
    """Rows `offset` to `offset + limit` of the list, in its order. Raises InvalidRequest."""
    return read(conn, numbers(conn, owner, filters, offset, limit))


def total(conn: sa.Connection, owner: str, filters: Filters) -> int:
    """How many runs fulfil the filters. Raises InvalidRequest."""
    found = criteria(conn, owner, filters)
    if len(found) == 1 and filters.where and (values := values_of(conn, owner, parse(filters.where))):
        return conn.scalar(sa.select(sa.func.count()).select_from(_in_all(values).subquery())) or 0
    if found:
        return conn.scalar(sa.select(sa.func.count()).select_from(_matching(found).subquery())) or 0
    # both by an index: to leave the deleted out row by row takes four times as long
    every, deleted = (
        sa.select(sa.func.count()).select_from(runs),
        sa.select(sa.func.count()).where(runs.c.deleted_at.is_not(None)),
    )
    return (conn.scalar(every) or 0) - (conn.scalar(deleted) or 0)


def numbers(
    conn: sa.Connection, owner: str, filters: Filters, offset: int = 0, limit: int | None = None
) -> Sequence[int]:
    """The numbers of the runs in a window, of all without a limit. Raises InvalidRequest."""
    return ordered(conn, order_of(conn, owner, filters.sort), criteria(conn, owner, filters), offset, limit)


def ordered(
    conn: sa.Connection, order: Order, found: list[Clause], offset: int = 0, limit: int | None = None
) -> Sequence[int]:
    """The numbers of the runs in a window of those that are not deleted and fulfil all of these, in an order."""
    if isinstance(order.subject, Metric | Parameter):
        return _by_value(conn, order, found, offset, limit)
    query = _matching(found)
    if order.subject is not None:
        query = query.order_by(_directed(order.subject.expression, order))
    return conn.scalars(query.order_by(runs.c.seq.desc()).offset(offset).limit(limit)).all()


def read(conn: sa.Connection, found: Sequence[int]) -> Sequence[Row]:
    """The rows of these runs, in this order."""
    rows = {row.seq: row for row in conn.execute(sa.select(*LISTED).where(runs.c.seq.in_(found)))}
    # one may be gone since its number was found
    return [rows[number] for number in found if number in rows]


def _matching(found: list[Clause]) -> Numbers:
    return sa.select(runs.c.seq).where(kept(runs.c.seq), *found)


def _in_all(values: list[Numbers]) -> Numbers:
    """The runs that are in all of these, told by the index of values alone: their rows are not looked at."""
    number = values[0].selected_columns.run
    return values[0].where(kept(number), *(number.in_(others) for others in values[1:]))


def _directed(value: sa.ColumnElement[Any], order: Order) -> sa.ColumnElement[Any]:
    return (value.desc() if order.is_descending else value.asc()).nulls_last()


def _by_value(conn: sa.Connection, order: Order, found: list[Clause], offset: int, limit: int | None) -> Sequence[int]:
    """Those that have the metric, as a finite number, or the parameter by its value, then the others, newest first."""
    having = _having(order, found)
    first = list(conn.scalars(having.offset(offset).limit(limit)))
    if limit is not None and len(first) == limit:
        return first
    before = (
        offset + len(first) if first else conn.scalar(sa.select(sa.func.count()).select_from(having.subquery())) or 0
    )
    lacking = _matching([*found, runs.c.seq.not_in(_having(order, []).order_by(None))]).order_by(runs.c.seq.desc())
    rest = lacking.offset(max(0, offset - before)).limit(None if limit is None else limit - len(first))
    return [*first, *conn.scalars(rest)]


def _having(order: Order, found: list[Clause]) -> Numbers:
    assert isinstance(order.subject, Metric | Parameter)
    table = run_metrics if isinstance(order.subject, Metric) else run_params
    among = table.c.run.in_(_matching(found)) if found else kept(table.c.run)
    query = sa.select(table.c.run).where(table.c.name == order.subject.name, among)
    if isinstance(order.subject, Metric):
        value = table.c[order.subject.side]  # without nulls, it is read from the index in this order
        by_value = value.desc() if order.is_descending else value.asc()
        return query.where(value.is_not(None)).order_by(by_value, table.c.run.desc())
    by = (table.c.number, table.c.text)
    return query.order_by(*(_directed(column, order) for column in by), table.c.run.desc())
