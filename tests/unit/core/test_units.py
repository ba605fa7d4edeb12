from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.units import format_elapsed, format_size, parse_duration_s, parse_size_bytes


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), (90, 90), ("1.5h", 5400), ("2 D", 172800), ("30m", 1800)])
def test_durations(text: str | float, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("1024", 1024), ("10G", 10 * 2**30), ("1.5 kB", 1536), ("2GiB", 2**31)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size_bytes(text) == size


@given(st.text(max_size=8))
def test_anything_else_is_a_sentence(text: str) -> None:
    for parse in (parse_duration_s, parse_size_bytes):
        with contextlib.suppress(InvalidRequest):
            assert parse(text) >= 0


def test_formats() -> None:
    assert [format_size(size) for size in (0, 999, 1536, 3 * 2**30, 2**41)] == [
        "0 B",
        "999 B",
        "1.5 KB",
        "3.0 GB",
        "2048 GB",
    ]
    assert [format_elapsed(seconds) for seconds in (0, 102, 3700)] == ["0:00", "1:42", "1:01:40"]
