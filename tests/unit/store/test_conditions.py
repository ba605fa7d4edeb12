"""The language of conditions: what it means, and where it says that something is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_server.store.search.conditions import OPERATORS, Comparison, Condition, Every, Not, parse


def shown(condition: Condition) -> str:
    """The condition with all its parentheses."""
    if isinstance(condition, Comparison):
        return f"{condition.name.text} {condition.operator} {'|'.join(value.text for value in condition.values)}"
    if isinstance(condition, Not):
        return f"not({shown(condition.part)})"
    word = " and " if isinstance(condition, Every) else " or "
    return f"({word.join(map(shown, condition.parts))})"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("acc > 0.9", "acc > 0.9"),
        ("acc>=0.9", "acc >= 0.9"),
        ("acc.max > -1e-3", "acc.max > -1e-3"),
        ("lr == 0.1 AND x <> 2", "(lr = 0.1 and x != 2)"),
        ("a = 1 or b = 2 and c = 3", "(a = 1 or (b = 2 and c = 3))"),
        ("(a = 1 or b = 2) and c = 3", "((a = 1 or b = 2) and c = 3)"),
        ("not a = 1 and b = 2", "(not(a = 1) and b = 2)"),
        ("not (a = 1 and not b = 2)", "not((a = 1 and not(b = 2)))"),
        ("state in (failed, 'timed_out')", "state in failed|timed_out"),
        ('"val acc" > 1 and `a"b` = "say \\"x\\""', '(val acc > 1 and a"b = say "x")'),
        ("name !~ digits and val/loss < 2", "(name !~ digits and val/loss < 2)"),
        ("created >= 2026-11-24T10:30 and duration > 2h", "(created >= 2026-11-24T10:30 and duration > 2h)"),
        ('name = "and"', "name = and"),
    ],
)
def test_meaning(text: str, meaning: str) -> None:
    assert shown(parse(text)) == meaning


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", 1, "name of a metric"),
        ("acc", 4, 'operator after "acc"'),
        ("acc 0.9", 5, 'not "0.9"'),
        ("acc >", 6, 'a value after ">", not the end'),
        ("acc > and", 7, 'a value after ">", not "and"'),
        ("acc > 0.9 lr = 1", 11, '"and", "or" or the end, not "lr"'),
        ("(acc > 1", 9, 'expected ")", not the end'),
        ("acc > 1)", 8, 'not ")"'),
        ("state in failed", 10, 'expected "("'),
        ("state in (failed", 17, 'expected ")"'),
        ("state in (", 11, 'a value after "("'),
        ("a = 1 and", 10, "not the end"),
        ("a > > 1", 5, 'a value after ">", not ">"'),
        ("name = 'x", 8, "quote ' is not closed"),
        ("not", 4, "not the end"),
        ("a ! b", 3, "no operator"),
        ("(" * 60 + "a = 1", 51, "parentheses"),
    ],
)
def test_mistakes_are_pointed_at(text: str, place: int, says: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(text)
    assert raised.value.message.startswith(f"At character {place} of the condition: ")
    assert says in raised.value.message
    assert raised.value.hint


@given(st.text(st.sampled_from("ab 01.()'\"`,=<>!~\\") | st.characters(), max_size=40))
def test_any_text_is_a_condition_or_a_mistake_within_it(text: str) -> None:
    try:
        parse(text)
    except InvalidRequest as error:
        assert 1 <= int(error.message.split()[2]) <= len(text) + 1  # noqa: PT017 - where there is one


def test_too_much_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="longer than"):
        parse("a = 1 and " * 900 + "b = 1")


QUOTED = st.text(max_size=6).map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')


@given(QUOTED, st.sampled_from([one for one in OPERATORS if one != "in"]), QUOTED)
def test_quotes_keep_everything(name: str, operator: str, value: str) -> None:
    found = parse(f"{name}{operator}{value}")
    assert isinstance(found, Comparison)
    quoted = [part.text.replace("\\", "\\\\").replace('"', '\\"') for part in (found.name, found.values[0])]
    assert ([f'"{text}"' for text in quoted], found.operator) == ([name, value], operator)
