"""Keras' line, read back by the format of Keras 3.15 (keras.utils.Progbar):

    12/44 ━━━━━━━━━━━━━━━━━━━━ 1s 50ms/step - accuracy: 0.0911 - loss: 2.3294

Between the steps the time is what is left, at the end what the epoch took. `Unknown` stands for a total that is not
known, and then the time is the time so far. Keras names no epoch in the line: a line `Epoch 2/5` goes before it.
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.readings import Reading, seconds_of, without_colours

# Blanks come first, since the count is as wide as the total.
_LINE = re.compile(
    r"\s*(\d+)/(\d+|Unknown)\s{1,8}━*\s{0,8}((?:\d+:)*\d+s?)(?:\s+(\d+)(us|ms|s)/(?:step|epoch))?"
    r"((?: - [^:\n]+: *\S+)*)\s*$"
)
_VALUE = re.compile(r" - ([^:\n]+?): *([+-]?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|nan|inf))(?=\s|$)")
_UNIT_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def read(frame: str) -> Reading | None:
    """The bar that `frame`, the text after a carriage return, shows; None where it shows none."""
    if "━" not in frame and "Unknown" not in frame:
        return None
    found = _LINE.match(without_colours(frame))
    if not found:
        return None
    done, total = float(found[1]), None if found[2] == "Unknown" else float(found[2])
    step_s = float(found[4]) * _UNIT_S[found[5]] if found[4] else 0.0
    between = total is not None and done < total
    return Reading(
        label="",
        done=done,
        total=total,
        rate=1 / step_s if step_s else None,
        left_s=seconds_of(found[3]) if between else 0.0 if total else None,
        values={name: float(value) for name, value in _VALUE.findall(found[6])},
        end=len(frame),
        closed=False,
    )
