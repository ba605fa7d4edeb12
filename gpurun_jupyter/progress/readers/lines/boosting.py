"""Lines of gradient boosting, one for each round:

[0]	train-logloss:0.44276	val-logloss:0.44276                                       xgboost 3
[1]	valid_0's auc: 0.99	valid_0's binary_logloss: 0.6001 + 0.01                       lightgbm 4
0:	learn: 0.6559230	test: 0.6580	best: 0.6580 (0)	total: 47.3ms	remaining: 4.68s      catboost 1.2
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.lines.plans import Count, Plan, Value
from gpurun_jupyter.progress.readers.lines.shapes import NUMBER as N

_ROUND = re.compile(rf"(?:\[.*?\] )?(?:\[{N}\]|{N}:)\t")
# Behind a value: its deviation in a cross validation; of catboost, the round of the best one.
_VALUE = re.compile(rf"([^\t:{N}]+?(?::[^\t:{N}]+?)?): ?{N}(?: ?\+ ?{N}| \({N}\))?")
_TIME = re.compile(rf"(total|remaining): ((?:{N} ?[a-z]+ ?)+)")
_SPAN_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def plan(shape: str) -> Plan | None:
    """What the numbers of such a line mean; None where it is none."""
    begun = _ROUND.match(shape)
    if not begun:
        return None
    place = shape.count(N, 0, begun.end()) - 1
    step, values, left = Count("round", place), list[Value](), tuple[tuple[int, float], ...]()
    for item in shape[begun.end() :].rstrip().split("\t"):
        value, time = _VALUE.fullmatch(item.strip()), _TIME.fullmatch(item.strip())
        if value:
            values.append(Value(value[1].strip(), place + 1))
        elif not time:
            return None
        elif time[1] == "remaining":
            units = re.findall(r"[a-z]+", time[2])
            left = tuple((place + 1 + n, _SPAN_S.get(unit, 0.0)) for n, unit in enumerate(units))
        place += item.count(N)
    return Plan("boosting", tuple(values), step=step, left=left) if values else None
