"""Lines of bars that are drawn by fewer people, read back by the formats of these versions:

Epoch 1/3 : |██████------| 60.00% [3/5 00:00<00:00 loss 0.33]                           fastprogress 1.1
title |████████⚠︎       | 5/20 [25%] in 0.3s (~1s, 17.2/s)                              alive-progress 3.3
copy  45% (9 of 20) |#########           | Elapsed Time: 0:00:01 ETA:   0:00:02         progressbar2 4.6
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.readings import (
    Reading,
    parse_comment,
    parse_pairs,
    seconds_of,
    short_label,
    without_colours,
)

_TIME = r"(?:\d+ days?,? +)?(?:\d+:)?\d{1,3}:\d\d"
_FAST = re.compile(
    rf"(.*?)\s?\|([^|]*)\| (?:\d+\.\d\d% )?\[(\d+)/(\d+|\?) {_TIME}<({_TIME}|\?)(?:\.{{3}})?(?: ([^\]]*))?\]"
)
# (!): it ended before its total, or went beyond.
_ALIVE = re.compile(
    r"(.*?)\|[^|]*\| .{0,12}?(?:\(!\) )?([\d,]+)(?:/([\d,]+))?(?:\S{0,8})?(?: \[(?:!\s)?\d+%\])? in (?:[\d:]+|[\d.]+)s?"
    r" \((?:~?((?:[\d:.]+)s?|\?|-), )?([\d.,]+|\?)(?:\w{0,8})/s\)(.*)"
)
_OF = re.compile(
    r"(.*?)\s*\d+% \((\d+(?:\.\d+)?) of (\d+(?:\.\d+)?)\) \|.*\| "
    rf"Elapsed Time: {_TIME} (?:ETA:\s*(?:({_TIME})|\S+)|Time:\s*{_TIME})(.*)"
)


def read(frame: str) -> Reading | None:
    """The bar that `frame` shows; None where it shows none."""
    if "|" not in frame:
        return None
    text = without_colours(frame).strip("\r")
    if "<" in text and (found := _FAST.match(text)):
        end = found.end() if text == frame else len(frame)  # what is printed after it may follow at once
        return _fastprogress(end, *found.groups(""))
    if "/s)" in text and (found := _ALIVE.fullmatch(text)):
        return _alive(frame, *found.groups(""))
    if "% (" in text and (found := _OF.fullmatch(text)):
        return _progressbar2(frame, *found.groups(""))
    return None


def _fastprogress(end: int, label: str, _bar: str, done: str, total: str, left: str, comment: str) -> Reading:
    of = None if total == "?" else float(total)
    label = short_label(label.strip().removesuffix(":"))
    left_s = None if left == "?" else seconds_of(left)
    return Reading(label, float(done), of, None, left_s, parse_comment(comment), end, True)


def _alive(frame: str, label: str, done: str, total: str, left: str, rate: str, text: str) -> Reading:
    of = _number(total) if total else None
    left_s = seconds_of(left) if left[:1].isdecimal() else 0.0 if of == _number(done) else None
    per_s = _number(rate) or None if rate != "?" else None
    return Reading(short_label(label), _number(done), of, per_s, left_s, parse_pairs(text.strip()), len(frame), True)


def _progressbar2(frame: str, label: str, done: str, total: str, left: str, text: str) -> Reading:
    left_s = seconds_of(left) if left else 0.0 if done == total else None
    values = parse_comment(text.strip())
    return Reading(short_label(label), float(done), float(total), None, left_s, values, len(frame), True)


def _number(text: str) -> float:
    return float(text.replace(",", ""))
