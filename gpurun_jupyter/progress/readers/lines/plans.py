"""What the numbers of a line mean: a plan belongs to a shape, what is said to the line with its numbers filled in."""

from __future__ import annotations

import math
from typing import NamedTuple

from gpurun_jupyter.progress.readers.lines.shapes import value_of

#: Nothing that a training counts is more.
_MOST = 1e15


class Count(NamedTuple):
    """Which of the line's numbers counts, and which says how many there will be; `word` is what is counted."""

    word: str
    at: int
    of: int | None = None


class Value(NamedTuple):
    """A measured value: its name, which number it is; of `9834/10000 (98%)` the whole, and whether it is in percent."""

    name: str
    at: int
    of: int | None = None
    percent: bool = False


class Plan(NamedTuple):
    """`by` is the format. `left` are numbers that add up to the time left, each with its seconds.

    What is not `sure` counts once it comes back, further on and with other values; if it is `measured`, as its words
    say, also once the run is known to be a training. A `heading` is a line of its own, as `Epoch 2/5` before a bar; a
    line about `validation` is named after what it says, `Test` or `val`.
    """

    by: str
    values: tuple[Value, ...] = ()
    epoch: Count | None = None
    step: Count | None = None
    left: tuple[tuple[int, float], ...] = ()
    sure: bool = True
    measured: bool = True
    heading: bool = False
    validation: str = ""


class Counted(NamedTuple):
    """How far something is that is counted."""

    word: str
    number: float
    of: float | None


class Said(NamedTuple):
    """What one line said; `left_s` is seconds. `at` is a step to which the values belong, though it has passed."""

    by: str
    values: dict[str, float]
    epoch: Counted | None
    step: Counted | None
    left_s: float | None
    heading: bool
    validation: str
    at: float | None = None


def fill(plan: Plan, numbers: list[str]) -> Said | None:
    """What a line of this plan says with these numbers; None where one of them is none, but an address or a version."""
    try:
        return _filled(plan, numbers)
    except ValueError:
        return None


def _filled(plan: Plan, numbers: list[str]) -> Said:
    values = {}
    for value in plan.values:
        number = value_of(numbers[value.at])
        whole = value_of(numbers[value.of]) if value.of is not None else 0.0
        values[value.name] = number / whole * (100 if value.percent else 1) if whole else number
    left_s = sum(value_of(numbers[at]) * seconds for at, seconds in plan.left) if plan.left else None
    epoch, step = _counted(plan.epoch, numbers), _counted(plan.step, numbers)
    if plan.epoch and epoch and "." in numbers[plan.epoch.at].rstrip("."):  # HF's Trainer counts in parts of epochs
        values[plan.epoch.word], epoch = epoch.number, None
    return Said(plan.by, values, epoch, step, left_s, plan.heading, plan.validation)


def _counted(count: Count | None, numbers: list[str]) -> Counted | None:
    if count is None:
        return None
    number = value_of(numbers[count.at])
    if not 0 <= number < _MOST:
        return None
    of = value_of(numbers[count.of]) if count.of is not None else math.nan
    return Counted(count.word, number, of if 0 < of < _MOST else None)
