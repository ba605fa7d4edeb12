"""tqdm's line, read back by the format of tqdm 4.70 (tqdm.std.tqdm.format_meter):

    label:  43%|####      | 43/100 [00:04<00:06,  9.10it/s, loss=0.1, acc=0.9]
    label: 4it [00:00,  9.10it/s]

and what a narrow terminal or another bar_format leaves of it, as long as `43%|####  |` is there.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gpurun_jupyter.progress.readers.readings import Reading, parse_pairs, seconds_of, short_label

_NUMBER = r"\d+(?:\.\d*)?(?:e[+-]?\d+)?[kMGTPEZY]?"
_TIME = r"-?(?:\d+:)?\d+:\d\d"
_METER = re.compile(rf"\[{_TIME}(?:<({_TIME}|\?))?, *([\d.]+|\?)([^\],/]*/[^\],]+)")
_COUNT = re.compile(rf"(?:\d{{1,3}}%(?:\|[^|]*\||\s))?\s*(?<![\w.])({_NUMBER})/({_NUMBER}|\?)\s*$")
_BAR = re.compile(rf"(\d{{1,3}})%\|[^|]*(?:\||$)\s*(?:({_NUMBER})/({_NUMBER})(?![\w.]))?")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # of tqdm(colour="green")
_USUAL_UNITS = ("it", "B")
_SCALE = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "Z": 1e21, "Y": 1e24}


class _Meter(NamedTuple):
    """The part in brackets; `per` is `it/s` or `s/it`, possibly with a scale before it."""

    start: int
    end: int
    left: str | None
    rate: str
    per: str
    postfix: str


def read(frame: str) -> Reading | None:
    """The bar that `frame`, the text after a carriage return, shows; None where it shows none.

    Scaled numbers are read as thousands, also under unit_divisor=1024: fractions come out right all the same.
    """
    if "%|" not in frame and "[" not in frame:
        return None
    meter = _find_meter(frame)
    reading = _read_metered(frame, meter) if meter else None
    return reading or _read_bare(frame)


def _find_meter(frame: str) -> _Meter | None:
    found = _METER.search(frame)
    close = _closing_bracket(frame, found.end()) if found else -1  # a postfix may have brackets of its own
    if not found or close < 0:
        return None
    postfix = frame[found.end() : close].lstrip(" ,")
    return _Meter(found.start(), close + 1, found[1], found[2], found[3], postfix)


def _closing_bracket(text: str, start: int) -> int:
    """Where the bracket that is open at `start` closes; -1 where it does not."""
    depth = 1
    for bracket in re.finditer(r"[\[\]]", text[start:]):
        depth += 1 if bracket[0] == "[" else -1
        if depth == 0:
            return start + bracket.start()
    return -1


def _read_metered(frame: str, meter: _Meter) -> Reading | None:
    head = _COLOUR.sub("", frame[: meter.start])
    counted = _COUNT.search(head) or _uncounted(head, meter.per)
    if not counted:
        return None
    done, total = counted[1], counted[2] if counted.re is _COUNT else "?"
    return Reading(
        label=short_label(_without_empty_bar(head[: counted.start()])),
        done=_number(done),
        total=None if total == "?" else _number(total),
        rate=_rate(meter, scaled=not (done + total).strip("?").isdecimal()),
        left_s=_seconds(meter.left),
        values=parse_pairs(meter.postfix),
        end=meter.end,
        closed=True,
    )


def _without_empty_bar(head: str) -> str:
    """The label alone, where a bar without a total is drawn all the same, as Lightning does: `label: |    | `."""
    label, bar, empty = head.rstrip().removesuffix("|").rpartition("|")
    return label if bar and not empty.strip() and head.rstrip().endswith("|") else head


def _uncounted(head: str, per: str) -> re.Match[str] | None:
    """The count of a bar without a total: a number, then the unit that the rate has."""
    over, _, under = per.partition("/")
    unit = over if under == "s" else under
    for name in [unit[1:], unit] if unit[:1] in ("k", "M", "G") else [unit]:  # "kit" may be a thousand "it"
        found = re.search(rf"(?<![\w.])({_NUMBER}){re.escape(name)}\s*$", head)
        if found and (name == unit or name in _USUAL_UNITS or _is_scaled(found[1], unit)):
            return found
    return None


def _is_scaled(number: str, unit: str) -> bool:
    """Whether the letter before the rate's unit must be a scale: in 1.00kbatch it must, in 100kbatch not."""
    return "." in number or unit[1:2] == " " or number[-1] in _SCALE.keys() - {unit[0]}


def _read_bare(frame: str) -> Reading | None:
    found = _BAR.search(_COLOUR.sub("", frame))
    if not found:
        return None
    done, total = (_number(found[2]), _number(found[3])) if found[2] else (float(found[1]), 100.0)
    label = short_label(found.string[: found.start()])
    return Reading(label, done, total, None, None, {}, len(frame), False)  # the count may still come


def _number(text: str) -> float:
    return float(text[:-1]) * _SCALE[text[-1]] if text[-1] in _SCALE else float(text)


def _rate(meter: _Meter, *, scaled: bool) -> float | None:
    """Items a second. A letter before the unit is a scale if the counts have one or the unit is usual."""
    if not meter.rate.strip(".").replace(".", "", 1).isdecimal():
        return None
    rate = float(meter.rate)
    over, _, under = meter.per.partition("/")
    inverse = under != "s" and over[-1:] == "s"
    if over[:1] in _SCALE and (scaled or inverse or over[1:] in _USUAL_UNITS):
        rate *= _SCALE[over[0]]
    return rate if not inverse else 1 / rate if rate else None


def _seconds(text: str | None) -> float | None:
    return None if not text or text == "?" else seconds_of(text)
