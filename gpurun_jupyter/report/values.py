"""Metrics: `log(step=3, loss=0.1, acc=0.9)`."""

from __future__ import annotations

import math
import sys
from typing import Any, Iterator

from gpurun_jupyter.report import pipe
from gpurun_jupyter.report.checks import clean_name, finite_number, number
from gpurun_jupyter.report.printing import say

_warned: set[str] = set()


def log(step: Any = None, **values: Any) -> None:
    """Record values that belong together, at a step if there is one. Raises TypeError for what is no number.

    JSON knows neither NaN nor infinity, so such values are left out of the record; the first of each name is said on
    stderr. Outside a run the values are printed.
    """
    at = None if step is None else finite_number(step, "step")
    numbers = {clean_name(name): number(value, name) for name, value in values.items()}
    if not pipe.inside_run():
        _print(at, numbers)
        return
    finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
    for line_values in _in_lines(finite):
        pipe.send({"kind": "metric", "step": at, "values": line_values})
    for name in numbers.keys() - finite.keys() - _warned:
        _warned.add(name)
        say(f"report: {name} is {numbers[name]}{_at(at)}; such values are not recorded", sys.stderr)


def _in_lines(values: dict[str, float]) -> Iterator[dict[str, float]]:
    """The values in parts that each fit into one line of the FIFO."""
    part: dict[str, float] = {}
    for name, value in values.items():
        with_it = {**part, name: value}
        if part and len(pipe.encode(with_it)) > pipe.MAX_LINE_BYTES - 100:  # room for kind and step
            yield part
            with_it = {name: value}
        part = with_it
    if part:
        yield part


def _print(step: float | None, values: dict[str, float]) -> None:
    shown = " ".join(f"{name}={value:.6g}" for name, value in values.items())
    say(f"step {step:g}: {shown}" if step is not None else shown, sys.stdout)


def _at(step: float | None) -> str:
    return "" if step is None else f" at step {step:g}"
