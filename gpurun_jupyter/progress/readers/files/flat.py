"""Nested values as loggers take them, made flat: `{"val": {"loss": 1}}` is `val/loss`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gpurun_jupyter.core.numbers import NotFinite
from gpurun_jupyter.progress.readers.files.found import Value

#: The words of JSON for what it has no numbers for.
_NOT_FINITE: dict[str, NotFinite] = {"NaN": "NaN", "Infinity": "Infinity", "-Infinity": "-Infinity"}
#: Beyond these, nobody has logged values but data.
_MOST_NAMES = 5000
_DEEPEST = 20
LONGEST_NAME = 500
_LONGEST_TEXT = 2000
#: Whole numbers beyond are texts: whatever keeps them would lose digits, or refuse them.
_LARGEST = 2**63


def metrics(tree: Mapping[str, Any], separator: str) -> dict[str, float]:
    """The numbers among the values; texts, images and what begins with `_` is passed over."""
    found = {}
    for name, value in _leaves(tree, separator):
        number = number_of(value)
        if number is not None:
            found[name] = number
    return found


def parameters(tree: Mapping[str, Any], separator: str, *, own: bool = False) -> dict[str, Value]:
    """All that is set, as values; a list is its JSON. With `own`, names may begin with `_`."""
    found = {}
    for name, value in _leaves(tree, separator, own=own):
        plain = _plain(value)
        if plain is not None:
            found[name] = plain
    return found


def number_of(value: object) -> float | None:
    """The value as a number, if it is one: words stand for what is not finite."""
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < _LARGEST else None
    return float(_NOT_FINITE[value]) if isinstance(value, str) and value in _NOT_FINITE else None


def clean(text: str) -> str:
    """The text as it can be written: half a character of JSON's `\\ud800` is none."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _leaves(tree: Mapping[Any, Any], separator: str, *, own: bool = False) -> Iterator[tuple[str, object]]:
    """Every value with its name, in order; names that begin with `_` are the logger's own, and mostly not wanted."""
    waiting: list[tuple[str, object, int]] = [("", tree, 0)]
    seen = 0
    while waiting and seen < _MOST_NAMES:
        name, value, depth = waiting.pop()
        seen += 1
        if not isinstance(value, Mapping):
            yield name, value
        elif depth < _DEEPEST and "_type" not in value:  # with a type it is an image, a table, a histogram
            begin = name + separator if depth else ""
            keys = [key for key in list(value)[:_MOST_NAMES] if own or not str(key).startswith("_")]
            inner = [(begin + clean(str(key)), value[key], depth + 1) for key in keys]
            waiting += [leaf for leaf in reversed(inner) if len(leaf[0]) <= LONGEST_NAME]


def _plain(value: object) -> Value | None:
    if isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) < _LARGEST else None
    if isinstance(value, list):
        value = json.dumps(value, ensure_ascii=False)
    return clean(value) if isinstance(value, str) and len(value) <= _LONGEST_TEXT else None
