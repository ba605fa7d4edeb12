"""Keras' line, read back by the formats of Keras 3.15 (keras.utils.Progbar) and of Keras 2:

    12/44 ━━━━━━━━━━━━━━━━━━━━ 1s 50ms/step - accuracy: 0.0911 - loss: 2.3294
    12/44 [=======>......................] - ETA: 3s - loss: 2.3294 - accuracy: 0.0911
    44/44 [==============================] - 5s 3ms/step - loss: 0.3000 - accuracy: 0.9100

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
_BEFORE_KERAS_3 = re.compile(
    r"\s*(\d+)/(\d+|Unknown) \[?[=>.]*\]? ?- (?:ETA: ((?:\d+:)*\d+s?)|\d+s(?: (\d+)(us|ms|s)/(?:step|epoch|sample))?)"
    r"((?: - [^:\n]+: *\S+)*)\s*$"
)
_VALUE = re.compile(r" - ([^:\n]+?): *([+-]?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|nan|inf))(?=\s|$)")
_UNIT_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def read(frame: str) -> Reading | None:
    """The bar that `frame`, the text after a carriage return, shows; None where it shows none."""
    if "━" not in frame and "Unknown" not in frame and "[=" not in frame and "[>" not in frame:
        return None
    text = without_colours(frame)
    found = _LINE.match(text) or _BEFORE_KERAS_3.match(text)
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
        left_s=(seconds_of(found[3]) if found[3] else None) if between else 0.0 if total else None,
        values={name: float(value) for name, value in _VALUE.findall(found[6])},
        end=len(frame),
        closed=False,
    )
