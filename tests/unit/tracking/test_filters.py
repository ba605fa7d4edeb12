"""MLflow's language of searches: what is understood, what is refused, and what fits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.tracking.filters import Comparison, Order, comparisons, order
from gpurun_jupyter.tracking.fitting import Item, fits, searched
from gpurun_jupyter.tracking.refusals import Refused

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,12}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\"), max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@given(st.lists(st.tuples(NAMES, TEXTS, NUMBERS), min_size=1, max_size=4))
def test_what_is_written_is_what_is_read(wanted: list[tuple[str, str, float]]) -> None:
    text = " and ".join(
        f"params.{name} = {quoted(said)} AND metrics.{name} >= {value!r}" for name, said, value in wanted
    )
    expected = [
        one
        for name, said, value in wanted
        for one in (Comparison("param", name, "=", (said,)), Comparison("metric", name, ">=", (value,)))
    ]
    assert comparisons(text) == expected


@given(st.text(max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    found = []
    for read in (comparisons, order):
        try:
            found.append(type(read(text)))
        except Refused as refused:
            found.append(refused.code)
    assert found[0] in (list, "INVALID_PARAMETER_VALUE")
    assert found[1] in (Order, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("metrics.acc>.5", [Comparison("metric", "acc", ">", (0.5,))]),
        ("metric.`a b` != -1e-3", [Comparison("metric", "a b", "!=", (-0.001,))]),
        ('tags."mlflow.note" like "a%"', [Comparison("tag", "mlflow.note", "LIKE", ("a%",))]),
        ("status = 'FINISHED'", [Comparison("attribute", "status", "=", ("FINISHED",))]),
        ("run_id not in ('a', 'b')", [Comparison("attribute", "run_id", "NOT IN", ("a", "b"))]),
        ("params.x is null and tags.y IS NOT NULL", [
            Comparison("param", "x", "IS NULL", ()),
            Comparison("tag", "y", "IS NOT NULL", ()),
        ]),
        ("attributes.start_time >= 1700000000000", [Comparison("attribute", "start_time", ">=", (1.7e12,))]),
        ("creation_time < 5", [Comparison("attribute", "creation_time", "<", (5.0,))]),
    ],
)  # fmt: skip
def test_filters(text: str, expected: list[Comparison]) -> None:
    assert comparisons(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metrics.acc > 0.9 or metrics.acc < 0.1", "no OR"),
        ("(metrics.acc > 0.9)", "name"),
        ("metrics.acc > 'many'", "a number"),
        ("metrics.acc like 'a'", "one of"),
        ("params.lr = 0.1", "in quotes"),
        ("params.lr > '0.1'", "one of"),
        ("params.lr =", "value"),
        ("params.lr IN '0.1'", "parentheses"),
        ("params.lr IN ('0.1'", "not closed"),
        ("params.lr = 'open", "cannot be read"),
        ("nothing.lr = 'x'", "name"),
        ("params.lr", "operator"),
        ("x" * 30_000, "longer than"),
    ],
)
def test_refusals_say_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        comparisons(text)


def test_orders() -> None:
    assert order("metrics.acc DESC") == Order("metric", "acc", is_descending=True)
    assert order("start_time") == Order("attribute", "start_time", is_descending=False)
    assert order("tags.`a b` asc") == Order("tag", "a b", is_descending=False)
    for text in ("", "metrics.acc DOWN", "metrics.acc DESC please"):
        with pytest.raises(Refused):
            order(text)


@given(TEXTS, TEXTS)
def test_like_is_like_sqlite_says(value: str, pattern: str) -> None:
    import sqlite3

    conn = sqlite3.connect(":memory:")
    conn.execute("PRAGMA case_sensitive_like = on")
    value, pattern = value.replace("\0", ""), pattern.replace("\0", "")
    (expected,) = conn.execute("SELECT ? LIKE ?", (value, pattern)).fetchone()
    assert fits(value, "LIKE", (pattern,)) == bool(expected)


@pytest.mark.parametrize(
    ("value", "operator", "wanted", "expected"),
    [
        ("a", "=", ("a",), True),
        ("a", "!=", ("a",), False),
        ("a", "IN", ("b", "a"), True),
        ("a", "NOT IN", ("b",), True),
        ("Ab", "ILIKE", ("a_",), True),
        ("Ab", "LIKE", ("a_",), False),
        (None, "!=", ("a",), False),
        (None, "IS NULL", (), True),
        ("", "IS NOT NULL", (), True),
        (3.0, ">=", (3.0,), True),
        (3.0, "<", (3.0,), False),
    ],
)
def test_fitting(value: Any, operator: str, wanted: tuple[Any, ...], expected: bool) -> None:
    assert fits(value, operator, wanted) is expected


def test_things_are_searched_and_sorted() -> None:
    things = {
        "a": Item({"name": "a", "creation_time": 2.0}, {"kind": "x"}),
        "b": Item({"name": "b", "creation_time": 1.0}, {}),
        "c": Item({"name": "c", "creation_time": 2.0}, {"kind": "y"}),
    }

    def found(text: str, *orders: str) -> list[str]:
        return searched(things, things.__getitem__, text, orders, ("creation_time DESC", "name"))

    assert found("") == ["a", "c", "b"]
    assert found("", "name DESC") == ["c", "b", "a"]
    assert found("tags.kind = 'x'") == ["a"]
    assert found("name LIKE '%' and creation_time >= 2", "tags.kind DESC") == ["c", "a"]
    with pytest.raises(Refused, match="creation_time"):
        found("metrics.acc > 1")
    with pytest.raises(Refused, match="name"):
        found("", "nothing")
