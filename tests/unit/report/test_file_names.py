"""Names of files as texts: every name has one, and it leads back."""

from __future__ import annotations

import os

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpurun_jupyter.report.file_names import as_text, as_typed, from_text

_PIECES = st.sampled_from([b"\\", b"x", b"5", b"c", b"b0", b"\xb0", b"\xc3\xa9", b"\\x5c", b"\\xb0", b"/", b".", b"\n"])
NAMES = st.one_of(st.binary(max_size=30), st.lists(_PIECES, max_size=8).map(b"".join)).map(os.fsdecode)


@given(NAMES)
@example(os.fsdecode(b"\\x5cxb0\xb0"))
def test_a_text_leads_back_and_json_takes_it(name: str) -> None:
    text = as_text(name)
    assert from_text(text) == name
    assert msgspec.json.decode(msgspec.json.encode(text)) == text
    assert text.split("/") == [as_text(part) for part in name.split("/")]


@given(st.text().filter(lambda text: "\\x" not in text))
def test_other_names_stay_as_they_are(name: str) -> None:
    assert as_text(name) == from_text(name) == as_typed(name) == name


@given(st.text())
def test_no_text_leads_out_of_its_folder(text: str) -> None:
    name = from_text(text)
    assert [name.count(mark) for mark in "/\0"] == [text.count(mark) for mark in "/\0"]
    assert (name in ("..", ".", "")) == (text in ("..", ".", ""))


@pytest.mark.parametrize(
    ("name", "text"),
    [(b"m/\xb0\xa1.pt", r"m/\xb0\xa1.pt"), (rb"\xb0.txt", r"\x5cxb0.txt"), (rb"C:\x.txt", r"C:\x.txt")],
)
def test_how_they_look(name: bytes, text: str) -> None:
    assert as_text(os.fsdecode(name)) == text


def test_who_types_a_path_may_give_the_text_or_the_bytes() -> None:
    assert as_typed(os.fsdecode(b"\xb0.txt")) == as_typed(r"\xb0.txt") == r"\xb0.txt"
