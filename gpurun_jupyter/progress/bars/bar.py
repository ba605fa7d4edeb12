"""One bar over its redraws and epochs, and how bars that are drawn together belong together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gpurun_jupyter.core.events import Metric, Progress
from gpurun_jupyter.core.numbers import Number, all_in_json
from gpurun_jupyter.progress.readers.readings import Reading

_COUNTER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(eq=False)
class Bar:
    """One bar; `position` is its place among the bars drawn together, `text` its line as last drawn."""

    id: str
    position: int
    parent: str | None = None
    text: str = ""
    seen: Reading | None = None
    logged: bool = False
    _step_base: float = 0.0
    _told: Reading | None = None
    _told_values: dict[str, Number] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the bar is at its end."""
        return self.seen is not None and self.seen.complete

    def show(self, seen: Reading, text: str) -> list[Progress | Metric]:
        """Take over what was drawn; returns what is new in it."""
        if self.seen and seen.done < self.seen.done:
            if not _begins_anew(self.seen, seen):
                return []
            self._step_base += self.seen.total or self.seen.done  # where the epoch before ended
        if not self.seen or seen.done != self.seen.done:
            self.logged = False
        self.seen, self.text = seen, text.rstrip()
        return [*self._news_of_progress(seen), *self._news_of_values(seen)]

    def _news_of_progress(self, seen: Reading) -> list[Progress | Metric]:
        told, self._told = self._told, seen
        if told and told[:5] == seen[:5]:  # label, done, total, rate, time left
            return []
        label, done, total, rate, left_s = seen[:5]
        return [
            Progress(
                id=self.id,
                parent=self.parent,
                label=label,
                done=done,
                total=total,
                rate=rate,
                left_s=left_s,
                by=seen.by,
            )
        ]

    def _news_of_values(self, seen: Reading) -> list[Progress | Metric]:
        """Steps go on over restarts of the bar, so that a second epoch is not drawn over the first."""
        values = all_in_json(seen.values)  # as words NaNs are equal
        if not values or values == self._told_values:
            return []
        self._told_values = values
        return [Metric(values=values, step=self._step_base + seen.done, by=seen.by)]


def _begins_anew(before: Reading, now: Reading) -> bool:
    """Whether a bar that went back is at its next epoch; else another rank, a little behind, drew the same bar."""
    return now.done <= (0.8 if before.complete else 0.5) * before.done


def normal(label: str) -> str:
    """The label as the same bar has it in every epoch: numbers are left out."""
    return _COUNTER.sub("#", label)


def same_kind(label: str, other: str) -> bool:
    """Whether two labels differ only in numbers, as those of `gpu 0` and `gpu 1` do."""
    return bool(label) and normal(label) == normal(other)


def continues(before: Reading, now: Reading) -> bool:
    """Whether a redraw in the same row is the same bar, with a new description or a corrected total."""
    if before.label == now.label or (before.total is None and before.done == 0):
        return True
    return before.total == now.total and now.done >= before.done and before.done != before.total


def parent_of(above: list[Bar], label: str) -> str | None:
    """The bar that one below `above` is part of: the nearest, unless it is through or a sibling (`gpu 0`, `gpu 1`)."""
    if not above or above[-1].complete:
        return None
    nearest = above[-1]
    return nearest.parent if nearest.seen and same_kind(nearest.seen.label, label) else nearest.id
