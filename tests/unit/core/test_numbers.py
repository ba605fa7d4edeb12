"""Values in JSON: every float comes back, and no word is compared with numbers."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.numbers import Number, finite, in_json, written


@given(st.floats())
def test_a_value_comes_back_from_json(value: float) -> None:
    back = msgspec.json.decode(msgspec.json.encode(in_json(value)), type=Number)
    assert float(back) == value or (math.isnan(float(back)) and math.isnan(value))
    assert (finite(back) is None) == (not math.isfinite(value))


@pytest.mark.parametrize("text", [b'"nan"', b'"0.5"', b"null"])
def test_other_words_are_no_values(text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Number)


def test_how_people_are_told() -> None:
    assert [written(in_json(value)) for value in (0.98765, math.nan, -math.inf)] == ["0.9877", "NaN", "-Infinity"]
