"""What a line says of the time left: `eta: 0:01:19`, `ETA: 1 day, 2:03:04`, `remaining: 2m 3s`, `남은 시간: 3분`."""

from __future__ import annotations

import re
from typing import NamedTuple

from gpurun_jupyter.progress.readers.lines.shapes import NUMBER as N

_UNIT_S = {
    "d": 86400.0,
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "시간": 3600.0,
    "분": 60.0,
    "초": 1.0,
    "時間": 3600.0,
    "小时": 3600.0,
    "分": 60.0,
    "秒": 1.0,
}
_UNIT = r"days?|hours?|minutes?|mins?|seconds?|secs?|[dhms]|시간|분|초|時間|小时|分|秒"
_SPAN = re.compile(rf"{N}\s?({_UNIT})", re.IGNORECASE)
_LEFT = re.compile(
    r"(?:\beta|\bremaining(?: time)?|\btime (?:left|remaining)|\brestzeit|temps restant|남은 ?시간|残り(?:時間)?|"
    r"剩余(?:时间)?)"
    rf"[\"']?\s*[:=\uff1a]?\s*[\"']?(?:(?P<clock>(?:(?P<days>{N}) days?, ?)?{N}:{N}(?::{N})?)|"
    rf"(?P<spans>{N}\s?(?:{_UNIT})(?:\s?{N}\s?(?:{_UNIT}))*)(?!\w))",
    re.IGNORECASE,
)
_CLOCK_S = (3600.0, 60.0, 1.0)


class TimeLeft(NamedTuple):
    """Which numbers add up to the time left, each with its seconds, and the places in the line that are theirs."""

    numbers: tuple[tuple[int, float], ...] = ()
    spans: tuple[tuple[int, int], ...] = ()


def find(shape: str) -> TimeLeft:
    """The time left in a shape."""
    found = _LEFT.search(shape)
    if not found:
        return TimeLeft()
    place = shape.count(N, 0, found.start())
    if found["clock"]:
        days = [_UNIT_S["d"]] * bool(found["days"])
        seconds = [*days, *_CLOCK_S[len(days) - found["clock"].count(N) :]]
    else:
        seconds = [_seconds(unit) for unit in _SPAN.findall(found["spans"])]
    return TimeLeft(tuple((place + n, one) for n, one in enumerate(seconds)), (found.span(),))


def _seconds(unit: str) -> float:
    return _UNIT_S.get(unit) or _UNIT_S[unit[0].lower()]
