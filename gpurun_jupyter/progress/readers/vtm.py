"""Lines that training managers read, each a prefix and a JSON object on a line of its own:

    VTM_PROGRESS::{"current": 30, "total": 100, "message": "train", "epoch": 2, "total_epochs": 5, "loss": 0.5}
    VTM_RUN_META::{"mlflow_run_id": "ab12"}

Progress needs `current` and `total`, or `percent` (0 to 100), `fraction` (0 to 1), or `epoch` of `total_epochs`
(from 1). The names below are taken too; other numbers in the object are values. What says nothing of this is text.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, get_args

import msgspec

from gpurun_jupyter.core.events import Meta
from gpurun_jupyter.core.numbers import NotFinite
from gpurun_jupyter.progress.readers.readings import Epoch, Reading, short_label

#: A prefix at a line's start.
START = re.compile(r"^VTM_(?:PROGRESS|RUN_META)::", re.MULTILINE)
PREFIXES = ("VTM_PROGRESS::", "VTM_RUN_META::")
#: A line that has not ended after this many characters is ordinary text.
MAX_CHARS = 8192

_DONE = ("current", "done", "completed", "n", "step", "global_step", "iteration", "batch")
_TOTAL = ("total", "max", "of", "steps", "total_steps", "max_steps", "iterations", "batches", "total_batches")
_PERCENT = ("percent", "percentage", "pct")
_EPOCHS = ("total_epochs", "epochs", "max_epochs", "num_epochs")
_LABEL = ("label", "message", "description", "desc", "msg", "text", "status", "stage", "phase", "name")
_LEFT = ("left_s", "eta", "eta_s", "eta_seconds", "remaining", "remaining_s")
_RATE = ("rate", "speed", "it_per_s")
_WORDS = get_args(NotFinite)
_NO_VALUES = {
    *_DONE,
    *_TOTAL,
    *_PERCENT,
    *_EPOCHS,
    *_LEFT,
    *_RATE,
    "epoch",
    "fraction",
    "progress",
    "timestamp",
    "time",
}


def read(line: str) -> Reading | Meta | None:
    """What such a line says; None where it is malformed."""
    prefix = next((prefix for prefix in PREFIXES if line.startswith(prefix)), None)
    if prefix is None:
        return None
    try:
        said = _decoded(line[len(prefix) :])
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    return _progress(said) if prefix == PREFIXES[0] else Meta(values=said) if said else None


def _decoded(text: str) -> Any:
    """The value of a JSON text, in which Python's own `json` also writes NaN and Infinity: these become words."""
    if "NaN" in text or "Infinity" in text:
        text = json.dumps(json.loads(text, parse_constant=str))
    return msgspec.json.decode(text)


def _progress(said: dict[str, Any]) -> Reading | None:
    epoch, amount = _epoch(said), _amount(said)
    if amount is None and epoch and epoch.of:
        amount, epoch = (epoch.number + 1.0, float(epoch.of)), None
    if amount is None:
        return None
    label = next((said[name] for name in _LABEL if isinstance(said.get(name), str)), "")
    rate, left_s = _number(said, _RATE), _number(said, _LEFT)
    return Reading(short_label(label), *amount, rate, left_s, _values(said), 0, True, epoch)


def _amount(said: dict[str, Any]) -> tuple[float, float] | None:
    """What is done and of how much; None where that is not said or makes no sense."""
    done, total = _number(said, _DONE), _number(said, _TOTAL)
    if done is None or total is None:
        done, total = _share(said), 100.0
    return (done, total) if done is not None and 0 <= done <= total and total > 0 else None


def _share(said: dict[str, Any]) -> float | None:
    percent = _number(said, _PERCENT)
    if percent is not None:
        return percent
    fraction = _number(said, ("fraction", "progress"))
    if fraction is None:
        return None
    return fraction * 100 if fraction <= 1 else fraction  # some mean percent by it


def _epoch(said: dict[str, Any]) -> Epoch | None:
    number, count = _number(said, ("epoch",)), _number(said, _EPOCHS)
    if number is None or number < 1:
        return None
    return Epoch(int(number) - 1, int(count) if count and count >= number else None)


def _values(said: dict[str, Any]) -> dict[str, float]:
    nested = said.get("metrics")
    values = {**said, **nested} if isinstance(nested, dict) else said
    numbers = {name: value for name, value in values.items() if name not in _NO_VALUES}
    return {name: float(value) for name, value in numbers.items() if _is_number(value) or value in _WORDS}


def _number(said: dict[str, Any], names: tuple[str, ...]) -> float | None:
    return next((float(said[name]) for name in names if _is_number(said.get(name))), None)


def _is_number(value: Any) -> bool:
    return (
        # Neither `isfinite` nor `float` takes an integer that is larger.
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)
    )
