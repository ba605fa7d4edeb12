"""What a recogniser read from one piece of text, and the small grammar that recognisers share."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Held back at most, in characters, while it is undecided whether text is a bar or a marker.
MAX_HELD_CHARS = 8192
MAX_LABEL_CHARS = 200
#: With this, overwritten at once, fastprogress tries out whether it can be printed.
TRIAL = "█"

_CSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_MOVE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-ln-~]")  # all but colours, which end with m
_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf)"
_PAIR = re.compile(rf"\s*([A-Za-z_][\w./@ -]*?)\s*=\s*({_NUMBER})\s*(?:,|$)", re.IGNORECASE)
_SAID = re.compile(rf"[\s,;|]*([A-Za-z_][\w./@-]*)\s*[ :=]\s*({_NUMBER})(?=[\s,;|]|$)[\s,;|]*", re.IGNORECASE)
#: Lightning's number of the log folder stands among the values and is none; some loggers have a word for it.
_VERSION = re.compile(r"(?:^|(?<=[\s,]))v_num[=:]\s*[^\s,]+(?:,\s*|\s*$)?")


class Epoch(NamedTuple):
    """Which epoch a bar belongs to, from 0, and how many there are, if that is known."""

    number: int
    of: int | None


class Reading(NamedTuple):
    """One bar as drawn. `rate` is items a second, `left_s` seconds; the text from `end` on is not of it.

    `closed` says that more text cannot change what was read. `cells` are values whose names stand in a table's header;
    `in_table` says that the program draws such tables. `by` is the format that was read.
    """

    label: str
    done: float
    total: float | None
    rate: float | None
    left_s: float | None
    values: dict[str, float]
    end: int
    closed: bool
    epoch: Epoch | None = None
    cells: tuple[float, ...] = ()
    in_table: bool = False
    by: str = ""

    @property
    def complete(self) -> bool:
        """Whether the bar is at its end."""
        return self.total is not None and self.done >= self.total


def without_colours(text: str) -> str:
    """The text without terminal control sequences."""
    return _CSI.sub("", text) if "\x1b" in text else text


def without_moves(text: str) -> str:
    """The text without terminal control sequences but for colours."""
    return _MOVE.sub("", text) if "\x1b" in text else text


def short_label(text: str) -> str:
    """The text as a bar's label: no colours, no colon at its end, not too long."""
    return without_colours(text).strip().removesuffix(":").rstrip()[:MAX_LABEL_CHARS]


def parse_pairs(text: str) -> dict[str, float]:
    """The values of a clear `key=number, key=number` list, else none."""
    text = _VERSION.sub("", text).rstrip(", ") if "v_num" in text else text
    values: dict[str, float] = {}
    position = 0
    while position < len(text):
        found = _PAIR.match(text, position)
        if not found:
            return {}
        values[found[1]] = float(found[2])
        position = found.end()
    return values


def parse_comment(text: str) -> dict[str, float]:
    """The values of a text that is nothing else: `loss 0.33`, `loss: 0.33, acc: 0.9`, `loss=0.33 acc=0.9`."""
    values: dict[str, float] = {}
    position = 0
    while position < len(text):
        found = _SAID.match(text, position)
        if not found:
            return {}
        values[found[1]] = float(found[2])
        position = found.end()
    return values


def seconds_of(clock: str) -> float:
    """The seconds in `1:02:03`, `02:03`, `3s` or `0.5s`; a sign is left out."""
    seconds = 0.0
    for part in clock.lstrip("-").rstrip("s").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
