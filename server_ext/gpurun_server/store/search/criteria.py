"""Conditions as SQL. A comparison knows what its subject can be compared with, and refuses the rest in a sentence."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.core.units import parse_duration_s
from gpurun_server.store.search.conditions import Comparison, Condition, Either, Every, Not, Token, refuse
from gpurun_server.store.search.moments import moment
from gpurun_server.store.search.names import COLUMNS, Column, Metric, Parameter, Subject, UnknownName, resolve
from gpurun_server.store.summaries import LONGEST, number_of
from gpurun_server.store.tables import run_metrics, run_params, runs

Clause = sa.ColumnElement[bool]
#: The numbers (`seq`) of runs.
Numbers = sa.Select[Any]

COMPARED: dict[str, Callable[[Any, Any], Clause]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OF_NUMBERS = (*COMPARED, "in")
_OF_TEXTS = ("=", "!=", "~", "!~", "in")
_OF_PATTERNS = re.compile(r"(?=[%_/])")
_STATES = {state.value for state in State}
_OUTCOMES = {outcome.value for outcome in Outcome}


def clause_of(conn: sa.Connection, owner: str, condition: Condition) -> Clause:
    """The runs of an owner that fulfil a condition. Raises InvalidRequest, which points at the place."""
    if isinstance(condition, Not):
        return _opposite(clause_of(conn, owner, condition.part))
    if isinstance(condition, Every):
        return sa.and_(*(clause_of(conn, owner, part) for part in condition.parts))
    if isinstance(condition, Either):
        return sa.or_(*(clause_of(conn, owner, part) for part in condition.parts))
    return _compared(conn, owner, condition)


def values_of(conn: sa.Connection, owner: str, condition: Condition) -> list[Numbers]:
    """Runs with each of the values asked for, where a condition asks for values of metrics and parameters alone.

    It is fulfilled by the runs that are in all of them; empty where it asks for something else. Raises InvalidRequest.
    """
    parts = condition.parts if isinstance(condition, Every) else (condition,)
    found = []
    for part in parts:
        if not isinstance(part, Comparison) or isinstance(subject := _subject(conn, owner, part), Column):
            return []
        found.append(_having(conn, part, subject))
    return found


def contains(conn: sa.Connection, column: sa.ColumnElement[str], text: str) -> Clause:
    """Whether a text is in a column, in whatever case: SQLite's LIKE is PostgreSQL's ILIKE."""
    pattern = f"%{_OF_PATTERNS.sub('/', text)}%"
    return column.like(pattern, escape="/") if conn.dialect.name == "sqlite" else column.ilike(pattern, escape="/")


def any_text_contains(conn: sa.Connection, text: str) -> Clause:
    """Whether a text is in a run's name, id, tags or message."""
    places = (runs.c.name, runs.c.id, runs.c.tags_json, runs.c.message)
    return sa.or_(*(contains(conn, place, text) for place in places))


def _compared(conn: sa.Connection, owner: str, one: Comparison) -> Clause:
    subject = _subject(conn, owner, one)
    if isinstance(subject, Column):
        return _BY_KIND[subject.kind](conn, one, subject)
    return runs.c.seq.in_(_having(conn, one, subject))


def _subject(conn: sa.Connection, owner: str, one: Comparison) -> Subject:
    try:
        return resolve(conn, owner, one.name.text)
    except UnknownName as unknown:
        raise refuse(one.name, str(unknown), unknown.known) from None


def _having(conn: sa.Connection, one: Comparison, subject: Metric | Parameter) -> Numbers:
    """The runs whose metric or parameter compares so."""
    table = run_metrics if isinstance(subject, Metric) else run_params
    fits = _numbers(one, table.c[subject.side], _number) if isinstance(subject, Metric) else _parameter(conn, one)
    return sa.select(table.c.run).where(table.c.name == subject.name, fits)


def _opposite(clause: Clause) -> Clause:
    """What does not fulfil it, even where the database knows no answer: a run without an outcome has not failed."""
    return sa.not_(sa.func.coalesce(clause, sa.false()))


def _parameter(conn: sa.Connection, one: Comparison) -> Clause:
    """As numbers where the values are, else as texts: `lr = 0.1` fits 1e-1 too."""
    number, text = run_params.c.number, run_params.c.text
    is_number = all(value.kind == "word" and number_of(value.text) is not None for value in one.values)
    if one.operator in ("~", "!~") or not is_number:
        return _texts(conn, one, text)
    compared = _numbers(one, number, _number)
    # a text differs from every number
    return sa.or_(compared, number.is_(None)) if one.operator == "!=" else compared


def _texts(conn: sa.Connection, one: Comparison, column: sa.ColumnElement[str]) -> Clause:
    _check(one, _OF_TEXTS, "is a text")
    texts = [value.text[:LONGEST] for value in one.values]
    if one.operator == "in":
        return column.in_(texts)
    if one.operator == "~":
        return contains(conn, column, texts[0])
    if one.operator == "=":
        return column == texts[0]
    differs = column != texts[0] if one.operator == "!=" else sa.not_(contains(conn, column, texts[0]))
    return sa.or_(column.is_(None), differs)


def _numbers(one: Comparison, column: sa.ColumnElement[Any], read: Callable[[Comparison, Token], float]) -> Clause:
    _check(one, _OF_NUMBERS, "is a number")
    values = [read(one, value) for value in one.values]
    return column.in_(values) if one.operator == "in" else COMPARED[one.operator](column, values[0])


def _state(_: sa.Connection, one: Comparison, __: Column) -> Clause:
    """A state, or an outcome: `state = failed` is what people write."""
    _check(one, ("=", "!=", "in"), "is one of a few words")
    for value in one.values:
        if value.text not in _STATES | _OUTCOMES:
            raise refuse(value, f'"{value.text}" is no state', f"States are {', '.join((*State, *Outcome))}.")
    wanted = {value.text for value in one.values}
    fits = sa.or_(runs.c.state.in_(sorted(wanted & _STATES)), runs.c.outcome.in_(sorted(wanted & _OUTCOMES)))
    return _opposite(fits) if one.operator == "!=" else fits


def _tags(conn: sa.Connection, one: Comparison, column: Column) -> Clause:
    """`=` means that it is among the tags."""
    _check(one, _OF_TEXTS, "is a text")
    text = one.values[0].text
    if one.operator in ("~", "!~"):
        found = contains(conn, column.expression, text)
    else:
        # with its quotes: a tag that is a part of another one is not meant
        encoded = [msgspec.json.encode(value.text).decode() for value in one.values]
        found = sa.or_(*(column.expression.contains(tag, autoescape=True) for tag in encoded))
    return _opposite(found) if one.operator.startswith("!") else found


def _number(one: Comparison, value: Token) -> float:
    number = number_of(value.text)
    if number is None:
        raise refuse(value, f'"{one.name.text}" is compared with numbers, and "{value.text}" is none')
    return number


def _moment(_: Comparison, value: Token) -> float:
    try:
        return moment(value.text)
    except InvalidRequest as error:
        raise refuse(value, error.message.removesuffix("."), error.hint) from None


def _duration(_: Comparison, value: Token) -> float:
    try:
        return parse_duration_s(value.text)
    except InvalidRequest as error:
        raise refuse(value, error.message.removesuffix("."), error.hint) from None


def _check(one: Comparison, allowed: tuple[str, ...], what: str) -> None:
    if one.operator not in allowed:
        problem = f'"{one.name.text}" {what}; it is compared by {" ".join(allowed)}, not by "{one.operator}"'
        raise refuse(one.values[0], problem)


_BY_KIND: dict[str, Callable[[sa.Connection, Comparison, Column], Clause]] = {
    "text": lambda conn, one, column: _texts(conn, one, column.expression),
    "number": lambda _, one, column: _numbers(one, column.expression, _number),
    "time": lambda _, one, column: _numbers(one, column.expression, _moment),
    "duration": lambda _, one, column: _numbers(one, column.expression, _duration),
    "state": _state,
    "tags": _tags,
}
assert {column.kind for column in COLUMNS.values()} == set(_BY_KIND)
