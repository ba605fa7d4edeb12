"""Values that were printed as a whole line that is a dict, as HF's Trainer does (transformers 5: numbers in quotes):

    {'loss': '0.6933', 'grad_norm': '1.428', 'learning_rate': '5e-05', 'epoch': '1.25'}
    {"step": 120, "loss": 0.23}

Every value must be a number, or the line is some other dict. `step` or `global_step` is the step of the others.
"""

from __future__ import annotations

import math
import re

from gpurun_jupyter.core.events import Metric
from gpurun_jupyter.core.numbers import all_in_json

MAX_CHARS = 4000
_ITEM = re.compile(
    r"""\s*(['"])([^'"\\{}:]{1,100})\1\s*:\s*(['"]?)([+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+|nan|NaN|inf|Infinity))\3\s*(,|\}\s*$)"""
)
_STEPS = ("step", "global_step")


def read(line: str) -> Metric | None:
    """The values of such a line; None where it is none."""
    if len(line) > MAX_CHARS or not line.startswith("{"):
        return None
    values: dict[str, float] = {}
    position, ended = 1, False
    while not ended:
        item = _ITEM.match(line, position)
        if not item:
            return None
        values[item[2]] = float(item[4])
        position, ended = item.end(), item[5] != ","
    step = next((values.pop(name) for name in _STEPS if math.isfinite(values.get(name, math.nan))), None)
    return Metric(values=all_in_json(values), step=step) if values else None
