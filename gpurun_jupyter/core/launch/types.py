"""Whether a value of a launch file fits its type, and types and values in words."""

from __future__ import annotations

import re
from typing import Any

from msgspec import inspect


class Unfit(Exception):
    """Raised for a value that does not fit."""


def fit(kind: inspect.Type, value: Any, source: str | None) -> Any:
    """The value as its type has it; where a text is wanted, a number is the text that was written. Raises Unfit."""
    kind = bare(kind)
    if isinstance(kind, inspect.UnionType):
        return _fit_one_of(kind, value, source)
    if isinstance(kind, inspect.AnyType):
        return value
    if isinstance(kind, inspect.LiteralType):
        return _must(value in kind.values and not isinstance(value, bool), value)
    if isinstance(kind, inspect.BoolType):
        return _must(isinstance(value, bool), value)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _must(_is_number(kind, value) and _in_range(kind, value), value)
    if isinstance(kind, inspect.StrType):
        return _text(kind, value, source)
    raise Unfit


def _fit_one_of(kind: inspect.UnionType, value: Any, source: str | None) -> Any:
    # A text comes last: a number or a truth is taken for one only where nothing else is wanted.
    for one in sorted(kind.types, key=lambda one: isinstance(bare(one), inspect.StrType)):
        try:
            return fit(one, value, source)
        except Unfit:
            continue
    raise Unfit


def _text(kind: inspect.StrType, value: Any, source: str | None) -> str:
    if not isinstance(value, str):
        _must(source is not None and value is not None, value)
    text = value if isinstance(value, str) else str(source)
    short = kind.min_length is not None and len(text) < kind.min_length
    long = kind.max_length is not None and len(text) > kind.max_length
    _must(not short and not long and (kind.pattern is None or re.search(kind.pattern, text) is not None), value)
    return text


def _is_number(kind: inspect.Type, value: Any) -> bool:
    wanted = int if isinstance(kind, inspect.IntType) else int | float
    return isinstance(value, wanted) and not isinstance(value, bool)  # True is an int


def _in_range(kind: inspect.IntType | inspect.FloatType, value: float) -> bool:
    return not (
        (kind.ge is not None and value < kind.ge)
        or (kind.le is not None and value > kind.le)
        or (kind.gt is not None and value <= kind.gt)
        or (kind.lt is not None and value >= kind.lt)
    )


def _must(fits: bool, value: Any) -> Any:
    if not fits:
        raise Unfit
    return value


def bare(kind: inspect.Type) -> inspect.Type:
    """The type without what is only said of it."""
    return bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def what(kind: inspect.Type) -> str:
    """The type in words, as in `has to be ...`."""
    kind = bare(kind)
    if isinstance(kind, inspect.UnionType):
        return " or ".join(what(one) for one in kind.types if not isinstance(bare(one), inspect.NoneType))
    if isinstance(kind, inspect.LiteralType):
        return f"one of {', '.join(str(one) for one in kind.values if one is not None)}"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return f"a {'whole ' if isinstance(kind, inspect.IntType) else ''}number{_range(kind)}"
    if isinstance(kind, inspect.ListType):
        return "a list"
    if isinstance(kind, inspect.DictType):
        return "a mapping of names to values"
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.StrType):
        limits = f" of {kind.min_length} to {kind.max_length} characters on one line, without slashes, not . or .."
        return f"a text{limits if kind.pattern else ''}"
    return "a value"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.le is not None:
        return f" from {kind.ge} to {kind.le}"
    if kind.ge is not None:
        return f" from {kind.ge} on"
    return f" above {kind.gt}" if kind.gt is not None else ""


def what_it_is(value: Any) -> str:
    """A value in words, as in `this is ...`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:40] + '…' if len(value) > 40 else value!r}"
    return "a list" if isinstance(value, list) else "a mapping"
