"""The log's format: golden files of every released one stay readable for ever."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.events import Cursor, decode_line, encode_line

GOLDEN = Path(__file__).parents[1] / "golden"
KINDS = events.Event.__subclasses__()


@pytest.mark.parametrize("log", sorted(GOLDEN.glob("events-v*.jsonl")), ids=lambda path: path.stem)
def test_golden_logs_are_readable(log: Path) -> None:
    lines = log.read_bytes().splitlines()
    read = [decode_line(line) for line in lines]
    assert {type(event) for event in read} == set(KINDS)
    assert [json.loads(encode_line(event)) for event in read] == [json.loads(line) for line in lines]


def test_the_newest_format_has_a_golden_log() -> None:
    assert (GOLDEN / f"events-v{events.FORMAT_VERSION}.jsonl").exists()


def test_unknown_fields_are_ignored_and_unknown_kinds_refused() -> None:
    assert decode_line(b'{"kind":"clear","of_the_future":1}') == events.Clear()
    with pytest.raises(msgspec.DecodeError):
        decode_line(b'{"kind":"of the future"}')


@given(st.integers(1, 10**6), st.integers(0, 10**15))
def test_cursors_survive_being_written(attempt: int, offset: int) -> None:
    assert Cursor.parse(str(Cursor(attempt, offset))) == (attempt, offset)


@given(st.text())
def test_what_is_no_cursor_is_refused_in_words(text: str) -> None:
    with contextlib.suppress(InvalidRequest):
        assert Cursor.parse(text) >= (1, 0)


@given(st.text())
def test_any_text_fits_on_one_line(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    line = encode_line(events.Output(stream="stdout", text=text))
    assert line.count(b"\n") == 1
    assert decode_line(line) == events.Output(stream="stdout", text=text)
