"""Which bar is which: ids that stay the same over redraws, epochs and moves; steps for their values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gpurun_jupyter.core.events import Metric, Progress
from gpurun_jupyter.progress.readings import Reading

#: Ended bars that are remembered, so that `train 2` gets the id that `train 1` had.
MAX_BARS = 200

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
    _told: Progress | None = None
    _told_values: dict[str, float] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the bar is at its end."""
        return self.seen is not None and self.seen.total is not None and self.seen.done >= self.seen.total

    def show(self, seen: Reading, text: str) -> list[Progress | Metric]:
        """Take over what was drawn; returns what is new in it."""
        if self.seen and seen.done < self.seen.done:
            self._step_base += self.seen.total or self.seen.done
        if not self.seen or seen.done != self.seen.done:
            self.logged = False
        self.seen, self.text = seen, text.rstrip()
        return [*self._news_of_progress(seen), *self._news_of_values(seen)]

    def complete_silently(self) -> list[Progress | Metric]:
        """The bar was at its end when it was last seen, although that was not drawn."""
        if not self.seen or self.seen.total is None or self.complete:
            return []
        return self.show(self.seen._replace(done=self.seen.total, left_s=0.0, values={}), self.text)

    def _news_of_progress(self, seen: Reading) -> list[Progress | Metric]:
        now = Progress(
            id=self.id,
            parent=self.parent,
            label=seen.label,
            done=seen.done,
            total=seen.total,
            rate=seen.rate,
            left_s=seen.left_s,
        )
        if now == self._told:
            return []
        self._told = now
        return [now]

    def _news_of_values(self, seen: Reading) -> list[Progress | Metric]:
        """Steps go on over restarts of the bar, so that a second epoch is not drawn over the first."""
        if not seen.values or seen.values == self._told_values:
            return []
        self._told_values = seen.values
        return [Metric(values=seen.values, step=self._step_base + seen.done)]


class Bars:
    """All bars of one decoder."""

    def __init__(self) -> None:
        self._count = 0
        self._known: dict[tuple[str, str, int], Bar] = {}

    def find(self, group: str, label: str, position: int) -> Bar:
        """The bar of this label and place, if need be a new one; `epoch 1` and `epoch 2` are one."""
        key = (group, _COUNTER.sub("#", label), position)
        bar = self._known.pop(key, None) or self._new(position)
        self._known[key] = bar
        if len(self._known) > MAX_BARS:
            del self._known[next(iter(self._known))]
        return bar

    def add(self, group: str, label: str, position: int) -> Bar:
        """A new bar, although one of this label and place is known."""
        self._known.pop((group, _COUNTER.sub("#", label), position), None)
        return self.find(group, label, position)

    def _new(self, position: int) -> Bar:
        self._count += 1
        return Bar(f"b{self._count}", position)


def same_kind(label: str, other: str) -> bool:
    """Whether two labels differ only in numbers, as those of `gpu 0` and `gpu 1` do."""
    return bool(label) and _COUNTER.sub("#", label) == _COUNTER.sub("#", other)
