"""Recorded terminal output in each of its forms."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.progress.recordings import Piece, pieces

CAST = b'{"version": 2, "width": 80}\n[0.5, "o", "a"]\n[0.6, "i", "typed"]\n[1.0, "o", "b"]\n'


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"raw \xff\n", [Piece(None, "raw \ufffd\n")]),
        (b"", []),
        (CAST, [Piece(0.5, "a"), Piece(0.6, ""), Piece(1, "b")]),
        (gzip.compress(CAST, mtime=0), [Piece(0.5, "a"), Piece(0.6, ""), Piece(1, "b")]),
        (b'[0.5, "a"]\n[1, "b"]\n', [Piece(0.5, "a"), Piece(1, "b")]),
        (CAST + b'[1.5, "o', [Piece(0.5, "a"), Piece(0.6, ""), Piece(1, "b")]),
        (b'{"loss": 0.5}\n', [Piece(None, '{"loss": 0.5}\n')]),
        (b"[1, 2]\n", [Piece(None, "[1, 2]\n")]),
        (b'[0.5, "a"]\ntext\nmore\n', [Piece(None, '[0.5, "a"]\ntext\nmore\n')]),
    ],
)
def test_forms(data: bytes, found: list[Piece]) -> None:
    assert pieces(data) == found


@given(st.binary())
def test_any_bytes_are_readable(data: bytes) -> None:
    assert all(isinstance(piece.text, str) for piece in pieces(data))
    assert all(isinstance(piece.text, str) for piece in pieces(b"\x1f\x8b" + data))


@given(st.lists(st.tuples(st.floats(0, 100), st.text()), min_size=1))
def test_what_was_recorded_comes_back(said: list[tuple[float, str]]) -> None:
    lines = "".join(json.dumps([at, "o", text]) + "\n" for at, text in said)
    assert pieces(b'{"version": 2}\n' + lines.encode()) == [Piece(*one) for one in said]
