"""What a benchmark reports: figures with what they have to reach, and the table that shows them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

#: How a figure is judged where it has something to reach.
GOAL, PASS, MISSED = "goal", "pass", "missed"


@dataclass(frozen=True)
class Figure:
    """One measure. `value`, `enough` (the pass) and `goal` have the same unit; `beside` is what to compare it with."""

    measure: str
    value: float
    unit: str
    enough: float | None = None
    goal: float | None = None
    beside: str = ""
    more_is_better: bool = False

    @property
    def verdict(self) -> str:
        """Whether it reached its goal, passed, or missed; empty where nothing is asked of it."""
        if self.enough is None or self.goal is None:
            return ""
        sign = -1 if self.more_is_better else 1
        if sign * self.value <= sign * self.goal:
            return GOAL
        return PASS if sign * self.value <= sign * self.enough else MISSED


def shown(value: float | None, unit: str) -> str:
    """`12,345/s`, `3.2 ms`, `0.95 x`."""
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    space = "" if unit.startswith("/") else " "
    return f"{value:,.{digits}f}{space}{unit}"


def table(figures: Iterable[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| measure | pass | goal | here | | beside it |", "| --- | --- | --- | --- | --- | --- |"]
    for one in figures:
        asked = [shown(value, one.unit) for value in (one.enough, one.goal, one.value)]
        lines.append(f"| {' | '.join([one.measure, *asked, one.verdict, one.beside])} |")
    return "\n".join(lines)


def times_ms(act: Callable[[], object], rounds: int, warm_up: int = 3) -> list[float]:
    """How long each call took, in milliseconds."""
    for _ in range(warm_up):
        act()
    gc.collect()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        taken.append(1000 * (time.perf_counter() - start))
    return taken


def spread(values: list[float], unit: str) -> str:
    """`p95 3.1 ms of 200`."""
    p95 = sorted(values)[min(len(values) - 1, round(0.95 * len(values)))]
    return f"p95 {shown(p95, unit)} of {len(values)}"


median = statistics.median
