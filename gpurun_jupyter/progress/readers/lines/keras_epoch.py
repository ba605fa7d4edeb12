"""Keras' line of an epoch with `verbose=2`, of Keras 3.15 and, with the times at its end, of Keras 2:

32/32 - 0s - 9ms/step - accuracy: 0.8418 - loss: 0.4588
32/32 - 1s - loss: 0.45 - accuracy: 0.84 - 1s/epoch - 9ms/step
32/32 [==============================] - 1s 9ms/step - loss: 0.45       with verbose=1, where there is no terminal

The line `Epoch 2/5` goes before it.
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.lines.plans import Count, Plan, Value
from gpurun_jupyter.progress.readers.lines.shapes import NUMBER as N

_TIMES = rf"(?: - {N}[mu]?s/(?:step|epoch|sample))*"
_EPOCH = re.compile(rf"{N}/{N} (?:\[=+\] )?- {N}m?s(?: {N}[mu]?s/step)?{_TIMES}((?: - [^:\n{N}]+: {N})*){_TIMES}\s*")
_VALUE = re.compile(rf" - ([^:\n{N}]+?): {N}")


def plan(shape: str) -> Plan | None:
    """What the numbers of such a line mean; None where it is none."""
    found = _EPOCH.fullmatch(shape)
    if not found:
        return None
    first = shape.count(N, 0, found.start(1))
    names = _VALUE.findall(found[1])
    return Plan("keras", tuple(Value(name, first + n) for n, name in enumerate(names)), step=Count("", 0, 1))
