"""Recorded terminal output: the raw bytes, or a recording with times.

Timed is asciicast v2 (asciinema: a JSON object as header, then `[seconds, "o", text]` a line) and the same without a
header, also as `[seconds, text]`. Either may be packed with gzip. What is not readable as such is raw.
"""

from __future__ import annotations

import contextlib
import gzip
import zlib
from typing import Any, NamedTuple

import msgspec

_GZIP = b"\x1f\x8b"
_PIECE_CHARS = 65536


class Piece(NamedTuple):
    """Text that came at once, `at` seconds after the beginning; None where the recording has no times."""

    at: float | None
    text: str


def pieces(data: bytes) -> list[Piece]:
    """What was recorded, in order."""
    if data.startswith(_GZIP):
        with contextlib.suppress(OSError, EOFError, zlib.error):  # it may only look like it
            data = gzip.decompress(data)
    timed = _timed(data)
    if timed is not None:
        return timed
    text = data.decode("utf-8", "replace")
    return [Piece(None, text[start : start + _PIECE_CHARS]) for start in range(0, len(text), _PIECE_CHARS)]


def _timed(data: bytes) -> list[Piece] | None:
    lines = data.splitlines()
    if lines and lines[0][:1] == b"{" and _is_header(lines[0]):
        lines = lines[1:]
    elif not lines or _entry(lines[0]) is None:
        return None
    entries = [_entry(line) for line in lines]
    if None in entries[:-1]:  # the last line may have been cut off
        return None
    return [entry for entry in entries if entry]


def _is_header(line: bytes) -> bool:
    try:
        return "version" in msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return False


def _entry(line: bytes) -> Piece | None:
    """What a line records; empty text for what is no output; None where it is no such line."""
    try:
        entry = msgspec.json.decode(line, type=list[Any])
    except msgspec.DecodeError:
        return None
    if len(entry) not in (2, 3) or not isinstance(entry[0], int | float) or not isinstance(entry[-1], str):
        return None
    return Piece(float(entry[0]), entry[-1] if entry[1:-1] in ([], ["o"]) else "")
