"""Rows of rich.progress (rich 15) and of Lightning's rich bar (lightning 2.6):

    train ━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━  28% 0:00:02
    Epoch 0/4  ━━━━━━━━━━━━━━━━━╸━━━ 27/30 0:00:01 • 0:00:01 22.64it/s train_loss: 0.707

The columns are the program's choice: what stands behind the bar is taken piece by piece. Of several times the last is
what is left; a yellow one is the time so far.
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.readings import (
    Epoch,
    Reading,
    parse_pairs,
    seconds_of,
    short_label,
    without_colours,
)

_BAR = re.compile(r"[━╸╺]{4,}")
_TABLE = re.compile(r"[┏┓┗┛┡┩┳┻╇╋┃│]")  # tables of rich have the same lines
_NUMBER = r"\d[\d,]{0,20}(?:\.\d{1,9})?"
_COUNT = re.compile(rf"(?<![\w.,])({_NUMBER})\s{{0,4}}/\s{{0,4}}({_NUMBER}|\?)(?: ?([kKMGT]?)(?:B|bytes))?(?![\w.])")
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?)%")
_TIME = re.compile(r"(?<![\d:])(?:\d+:)?\d{1,2}:\d\d(?![\d:])|-:--(?::--)?")
_RATE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?([kKMGT]?)(?:\w{1,12}/s\b)")
_PAIR = re.compile(r"(?<![\w./@-])([A-Za-z_][\w./@-]{0,60}): +([+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|nan|inf))(?=[\s,]|$)")
_LIGHTNING_EPOCH = re.compile(r"Epoch (\d+)(?:/(-?\d+))?\s*$")  # without a limit the last is -2
_ELAPSED = re.compile(r"\x1b\[33m\s*[\d:]+\x1b")
_SCALE = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def read(row: str) -> Reading | None:
    """The bar that a row shows; None where it shows none."""
    if "━" not in row:
        return None
    text = without_colours(row)
    bar = _BAR.search(text)
    if not bar or _TABLE.search(text):
        return None
    label, behind = text[: bar.start()], text[bar.end() :]
    amount = _amount(behind)
    if not amount and (behind.strip() or not label.strip() or len(bar[0]) < 10):  # a mere line has to look like a bar
        return None
    done, total = amount or (0.0, None)
    return Reading(
        label=short_label(label),
        done=done,
        total=total,
        rate=_rate(behind),
        left_s=_left_s(row, behind) if total is None or done < total else 0.0,
        values=_values(behind),
        end=len(row),
        closed=False,
        epoch=_lightning_epoch(label, behind),
    )


def _amount(behind: str) -> tuple[float, float | None] | None:
    counted = _COUNT.search(behind)
    if counted:
        scale = _SCALE[counted[3] or ""]
        total = None if counted[2] == "?" else _number(counted[2]) * scale
        return _number(counted[1]) * scale, total or None
    percent = _PERCENT.search(behind)
    if percent:
        return float(percent[1]), 100.0
    return (0.0, None) if _TIME.search(behind) else None


def _rate(behind: str) -> float | None:
    found = _RATE.search(behind)
    return float(found[1]) * _SCALE[found[2]] or None if found else None


def _left_s(row: str, behind: str) -> float | None:
    times = _TIME.findall(behind)
    if not times or times[-1].startswith("-") or (len(times) == 1 and _ELAPSED.search(row)):
        return None
    return seconds_of(times[-1])


def _values(behind: str) -> dict[str, float]:
    """`loss: 0.5 acc: 0.9` anywhere, or `loss=0.5, acc=0.9` at the end."""
    named = {name: float(value) for name, value in _PAIR.findall(behind) if name != "v_num"}
    equals = re.search(r"(?<![\w./@-])[A-Za-z_][\w./@-]{0,60}=.*$", behind)
    return named or (parse_pairs(equals[0].strip()) if equals else {})


def _lightning_epoch(label: str, behind: str) -> Epoch | None:
    """Lightning counts from 0, and names the last epoch rather than how many there are."""
    found = _LIGHTNING_EPOCH.match(label) if "•" in behind else None
    if not found:
        return None
    last = int(found[2]) if found[2] else -1
    return Epoch(int(found[1]), last + 1 if last >= 0 else None)


def _number(text: str) -> float:
    return float(text.replace(",", ""))
