"""What Optuna 5 logs of each trial: its value is a metric, its parameters are none.

[I 2026-11-28 16:00:01,123] Trial 3 finished with value: 0.23 and parameters: {'lr': 0.1}. Best is trial 2 with ...
[I 2026-11-28 16:00:01,123] Trial 4 pruned.
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.lines.plans import Count, Plan, Value
from gpurun_jupyter.progress.readers.lines.shapes import NUMBER as N

_TRIAL = re.compile(
    rf"Trial {N} finished with values?: \[?({N}(?:, {N})*)\]? and parameters: .*?"
    rf"(Best is trial {N} with value: {N})?\.?\s*\Z"
)


_PRUNED = re.compile(rf"Trial {N} pruned\.")


def plan(shape: str) -> Plan | None:
    """What the numbers of such a line mean; None where it is none."""
    found = _TRIAL.search(shape)
    if not found:
        pruned = _PRUNED.search(shape)
        return Plan("optuna", step=Count("Trial", shape.count(N, 0, pruned.start()))) if pruned else None
    place = shape.count(N, 0, found.start())
    names = ["value"] if found[1] == N else [f"values_{n}" for n in range(found[1].count(N))]
    values = [Value(name, place + 1 + n) for n, name in enumerate(names)]
    if found[2]:
        values.append(Value("best value", shape.count(N, 0, found.start(2)) + 1))
    return Plan("optuna", tuple(values), step=Count("Trial", place))
