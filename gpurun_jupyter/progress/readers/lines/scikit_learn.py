"""What estimators of scikit-learn 1.9 print with `verbose`, but for the tables of gradient boosting:

[3/100] 1 tree, 3 leaves, max depth = 2, train loss: 0.5, in 0.001s      HistGradientBoosting
Iteration 7, loss = 0.6931                                                MLP
Iteration 0, inertia 120.5.                                               KMeans
-- Epoch 3
Norm: 1.39, NNZs: 4, Bias: -0.21, T: 300, Avg. loss: 0.45, Objective: 0.5      SGD
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.lines.plans import Count, Plan, Value
from gpurun_jupyter.progress.readers.lines.shapes import NUMBER as N

BY = "scikit-learn"
_HISTOGRAM = re.compile(rf"\[{N}/{N}\] {N} trees?, .*")
_LOSS = re.compile(rf"\b((?:train|val) (?:loss|score)): {N}")
_ITERATION = re.compile(rf"Iteration {N}, ([a-z][a-z ]*?) ?=? {N}\.?\s*")
_DESCENT = re.compile(rf"Norm: {N}, NNZs: {N}, Bias: {N}, T: {N}, Avg\. loss: {N}(, Objective: {N})?\s*")


def plan(shape: str) -> Plan | None:
    """What the numbers of such a line mean; None where it is none."""
    if _HISTOGRAM.fullmatch(shape):
        found = [*_LOSS.finditer(shape)]
        values = tuple(Value(one[1], shape.count(N, 0, one.start())) for one in found)
        return Plan(BY, values, step=Count("", 0, 1)) if values else None
    if iteration := _ITERATION.fullmatch(shape):
        return Plan(BY, (Value(iteration[1], 1),), step=Count("Iteration", 0))
    if descent := _DESCENT.fullmatch(shape):
        values = (Value("Norm", 0), Value("Bias", 2), Value("Avg. loss", 4))
        return Plan(BY, (*values, Value("Objective", 5)) if descent[1] else values)
    return None
