"""What a recogniser read from one piece of text, and the small grammar that recognisers share."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

#: Held back at most, in characters, while it is undecided whether text is a bar or a marker.
MAX_HELD_CHARS = 8192
MAX_LABEL_CHARS = 200

_CSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf)"
_PAIR = re.compile(rf"\s*([A-Za-z_][\w./@ -]*?)\s*=\s*({_NUMBER})\s*(?:,|$)", re.IGNORECASE)


class Reading(NamedTuple):
    """One bar as drawn. `rate` is items a second, `left_s` seconds; the text from `end` on is not of it.

    `closed` says that more text cannot change what was read.
    """

    label: str
    done: float
    total: float | None
    rate: float | None
    left_s: float | None
    values: dict[str, float]
    end: int
    closed: bool


def without_colours(text: str) -> str:
    """The text without terminal control sequences."""
    return _CSI.sub("", text) if "\x1b" in text else text


def short_label(text: str) -> str:
    """The text as a bar's label: no colours, no colon at its end, not too long."""
    return without_colours(text).strip().removesuffix(":").rstrip()[:MAX_LABEL_CHARS]


def parse_pairs(text: str) -> dict[str, float]:
    """The values of a clear `key=number, key=number` list, else none. Values must be finite to be kept."""
    values: dict[str, float] = {}
    position = 0
    while position < len(text):
        found = _PAIR.match(text, position)
        if not found:
            return {}
        values[found[1]] = float(found[2])
        position = found.end()
    return {key: value for key, value in values.items() if math.isfinite(value)}
