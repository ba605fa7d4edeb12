"""Measured values in JSON, which knows neither NaN nor infinity: there they are words.

The words are those of Protocol Buffers' JSON mapping (protobuf.dev/programming-guides/json), and what JavaScript's
`Number()` and Python's `float()` read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

NotFinite = Literal["NaN", "Infinity", "-Infinity"]
#: A value as JSON has it; `float()` of it is the value.
Number = float | NotFinite


def in_json(value: float) -> Number:
    """The value, or the word that stands for it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def all_in_json(values: Mapping[str, float]) -> dict[str, Number]:
    """The same of each."""
    return {name: in_json(value) for name, value in values.items()}


def finite(value: Number | None) -> float | None:
    """The value if it can be compared with others; None for a word."""
    return None if isinstance(value, str) else value


def written(value: Number) -> str:
    """As people are told values: with four digits that count, or as the word."""
    return value if isinstance(value, str) else f"{value:.4g}"
