"""Metrics: `log(step=3, loss=0.1, acc=0.9)`."""

from __future__ import annotations

import sys
from typing import Any, Iterator

from gpurun_jupyter.report import pipe
from gpurun_jupyter.report.checks import clean_name, finite_number, in_json, number
from gpurun_jupyter.report.printing import say


def log(step: Any = None, **values: Any) -> None:
    """Record values that belong together, at a step if there is one. Raises TypeError for what is no number.

    NaN and infinity are values too: they tell where a run diverged. Outside a run the values are printed.
    """
    at = None if step is None else finite_number(step, "step")
    numbers = {clean_name(name): number(value, name) for name, value in values.items()}
    if not pipe.inside_run():
        _print(at, numbers)
        return
    for line_values in _in_lines({name: in_json(value) for name, value in numbers.items()}):
        pipe.send({"kind": "metric", "step": at, "values": line_values})


def _in_lines(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The values in parts that each fit into one line of the FIFO."""
    part: dict[str, Any] = {}
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
