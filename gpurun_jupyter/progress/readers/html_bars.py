"""The bars and tables of HTML, read as bars and metrics of a run:

    [12/24 00:03 < 00:04, 3.20 it/s, Epoch 1.50/3]      behind a bar of HF's Trainer
    60.00% [3/5 00:00<00:00 loss 0.33]                  behind one of fastprogress

A table beside a bar has a row for each step or epoch; the header names the values.
"""

from __future__ import annotations

import math
import re

from gpurun_jupyter.core.events import Metric
from gpurun_jupyter.core.numbers import all_in_json
from gpurun_jupyter.progress.readers.html import HtmlBar, Table
from gpurun_jupyter.progress.readers.readings import Reading, parse_comment, seconds_of, short_label

_NUMBER = r"\d+(?:\.\d+)?"
_TIME = r"(?:\d+:)?\d{1,3}:\d\d"
_BRACKET = re.compile(rf"\[\s*{_NUMBER}\s*/\s*(?:{_NUMBER}|\?)([^\]]*)\]?")
_LEFT = re.compile(rf"<\s*({_TIME})")
_TIMES = re.compile(rf"^[\s:]*(?:{_TIME})?\s*(?:<\s*(?:{_TIME}|[:?])?)?[\s,.]*")
_RATE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?(?:(\w{1,12}/s)|s/\w{1,12})(?:\s*,|\s*$)")
_PERCENT = re.compile(rf"{_NUMBER}\s*%")
_SAYS_HOW_FAR = re.compile(rf"{_NUMBER}\s*(?:/|of)\s*{_NUMBER}|{_PERCENT.pattern}|[()|]|{_TIME}")

#: The header of a table's column that says to which step its row belongs: the first of these that is there.
_STEPS = ("step", "steps", "global step", "global_step", "iteration", "iter", "epoch", "epochs")
#: HF's Trainer shows people other names than it gives to programs; these are the same values.
_HF_LOSSES = {"Training Loss": "loss", "Validation Loss": "eval_loss"}
_CELL = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf)", re.IGNORECASE)


def reading_of(bar: HtmlBar) -> Reading:
    """The bar by its element and the words around it."""
    bracket = _BRACKET.search(bar.after)
    inside, outside = (bracket[1], _BRACKET.sub("", bar.after)) if bracket else ("", bar.after)
    left = _LEFT.search(inside)
    comment = _RATE.sub("", _TIMES.sub("", inside))
    rest = _RATE.sub("", _PERCENT.sub("", outside)).strip(" ,:;-|")
    values = parse_comment(comment.strip(" ,")) or parse_comment(rest)
    label = bar.before or ("" if values else _label(rest, bar))
    return Reading(
        label=short_label(label),
        done=bar.done,
        total=bar.total,
        rate=_rate(inside) or _rate(outside),
        left_s=seconds_of(left[1]) if left else 0.0 if bar.total and bar.done >= bar.total else None,
        values=values,
        end=0,
        closed=True,
    )


def metrics_of(table: Table, row: tuple[str, ...]) -> Metric | None:
    """The numbers of a table's row, by the names in its header; None where there are none."""
    lower = [name.lower() for name in table.header]
    step_at = next((lower.index(name) for name in _STEPS if name in lower), None)
    cells = {name: _cell(text) for name, text in zip(_names(table.header), row, strict=True) if name}
    values = {name: value for name, value in cells.items() if value is not None}
    step = None if step_at is None else values.pop(table.header[step_at], None)
    step = step if step is not None and math.isfinite(step) else None
    if not values:
        return None
    if step is not None and step_at is not None and lower[step_at] == "epoch":
        values["epoch"] = step  # charts by epochs need a value of that name
    return Metric(values=all_in_json(values), step=step)


def _names(header: tuple[str, ...]) -> tuple[str, ...]:
    """The values' names: those of HF's Trainer as its printed lines have them, so that cells and scripts compare."""
    if header[0] not in ("Step", "Epoch") or header[1:2] != ("Training Loss",):
        return header
    words = {name: f"eval_{name.lower().replace(' ', '_')}" for name in header[1:]}
    return (header[0], *((words | _HF_LOSSES)[name] for name in header[1:]))


def _cell(text: str) -> float | None:
    text = text.replace(",", "")  # commas between thousands
    return float(text) if _CELL.fullmatch(text) else None


def _label(words: str, bar: HtmlBar) -> str:
    """Words behind a bar that say something else than how far it is."""
    if re.fullmatch(rf"0*{bar.done:g}\s*(?:/|of)\s*{bar.total or 0:g}.*", words):
        words = words.partition(f"{bar.total or 0:g}")[2].strip(" ,:;-|")
    label = words if words[:5].lower() == "epoch" else _SAYS_HOW_FAR.split(words)[0]
    return label if re.search(r"[^\W\d_]{2}", label) else ""


def _rate(words: str) -> float | None:
    found = _RATE.search(words)
    if not found or not float(found[1]):
        return None
    return float(found[1]) if found[2] else 1 / float(found[1])
