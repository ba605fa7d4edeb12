"""What may have become of a file that a run can reach, for Hypothesis: damaged bytes, and values at the edge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

GOLDEN = Path(__file__).parent / "unit" / "golden" / "events-v1.jsonl"

#: Bytes that have a meaning somewhere.
_PIECES = st.sampled_from(
    [
        *(b"\n", b"\r", b"\0" * 9, b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\ud800", b"\\", b'"'),
        *(b"{", b"}", b"[" * 3000, b":", b",", b'{"kind":"', b'"kind":"novel"', b""),
        *(b"1e999", b"-1e308", b"NaN", b"null", b"true", b"9" * 400),
    ]
)
_BYTES = st.one_of(st.binary(max_size=20), _PIECES)

_NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1, 2**63, -(2**63), 2**64, 1e308, -1e308, 5e-324, None, True, "1"]),
    st.floats(allow_nan=False, allow_infinity=False),
)
_TEXTS = st.one_of(
    st.sampled_from(["", "epoch", "..", "a\0b", "\n", "x" * 5000, "__proto__", "../../../x"]), st.text(max_size=8)
)
_ANY = st.recursive(st.one_of(_NUMBERS, _TEXTS), lambda inner: st.lists(inner, max_size=2), max_leaves=3)
#: Fields of events and records.
_FIELDS = """
t m v attempt pid devices stream text wait data metadata display_id update number total index code name value traceback
id parent label done rate left_s values step rss path digest size variable type manifest files alias outcome reason
exit_code message owner holder created boot kernel host interpreter outputs refused spec token
"""
_NAMES = st.sampled_from(_FIELDS.split())


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The same with some bytes taken away, put in, or put elsewhere."""
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = begin if draw(st.booleans()) else draw(st.integers(begin, min(len(data), begin + 300)))
        data = data[:begin] + draw(_BYTES) + data[end:]
    return data


@st.composite
def at_the_edge(draw: st.DrawFn, data: bytes) -> bytes:
    """A JSON object with some of its values replaced: often it still is what it was, with values at the edge."""
    changed: dict[str, Any] = msgspec.json.decode(data)
    names = draw(st.lists(st.one_of(st.sampled_from(sorted(changed)), _NAMES), min_size=1, max_size=3))
    for name in names:
        old = changed.get(name)
        if isinstance(old, dict) and draw(st.booleans()):
            changed[name] = draw(st.dictionaries(_TEXTS, _ANY, max_size=3))
        else:
            changed[name] = draw(_TEXTS if isinstance(old, str) else _NUMBERS if isinstance(old, float) else _ANY)
    return msgspec.json.encode(changed)


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """A log with damage of both kinds."""
    lines = GOLDEN.read_bytes().splitlines()
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        lines.insert(place, draw(at_the_edge(draw(st.sampled_from(GOLDEN.read_bytes().splitlines())))))
    data = b"\n".join(lines) + b"\n"
    return draw(damaged(data)) if draw(st.booleans()) else data
