"""All bars of one decoder: which bar is which, and what is told of them."""

from __future__ import annotations

from gpurun_jupyter.core.events import Metric, Progress
from gpurun_jupyter.progress.bars.bar import Bar, normal
from gpurun_jupyter.progress.bars.epochs import Epochs
from gpurun_jupyter.progress.readers import ultralytics
from gpurun_jupyter.progress.readers.readings import Reading

#: Ended bars that are remembered, so that `train 2` gets the id that `train 1` had.
MAX_BARS = 200


#: The group of what printed lines count.
LINES = "lines"

_Key = tuple[str, str, int]


class Roster:
    """Ids that stay the same over redraws, epochs and moves. `columns` are names from a table's header."""

    def __init__(self) -> None:
        self.epochs = Epochs()
        self.step: float | None = None  # at which values were last told
        self.draws = False  # bars are drawn, not only printed about
        self.columns: tuple[str, ...] = ()
        self.has_table = False
        self._count = 0
        self._known: dict[_Key, Bar] = {}

    def show(self, bar: Bar, seen: Reading, text: str) -> list[Progress | Metric]:
        """A bar was drawn: what is new in it, and in the epochs that it is part of."""
        self.has_table = self.has_table or seen.in_table
        if seen.cells:
            seen = seen._replace(values=ultralytics.name_cells(self.columns, seen.cells))
        before = self.epochs.enter(bar, seen)
        news = bar.show(seen, text)
        self.step = next((event.step for event in reversed(news) if isinstance(event, Metric)), self.step)
        return [*before, *news, *self.epochs.leave(bar, seen)]

    def complete(self, bar: Bar) -> list[Progress | Metric]:
        """The bar was at its end when it was last seen, although that was not drawn."""
        if not bar.seen or bar.seen.total is None or bar.complete:
            return []
        return self.show(bar, bar.seen._replace(done=bar.seen.total, left_s=0.0, values={}, cells=()), bar.text)

    def find(self, group: str, seen: Reading, position: int) -> Bar:
        """The bar of this label and place, if need be a new one; `epoch 1` and `epoch 2` are one."""
        self.draws = self.draws or group != LINES
        key = _key(group, seen, position)
        bar = self._known.pop(key, None) or self._new(position)
        self._known[key] = bar  # put last anew: what has not been drawn for longest goes first
        if len(self._known) > MAX_BARS:
            del self._known[next(iter(self._known))]
        return bar

    def add(self, group: str, seen: Reading, position: int) -> Bar:
        """A new bar, although one of this label and place is known."""
        self._known.pop(_key(group, seen, position), None)
        return self.find(group, seen, position)

    def rename(self, bar: Bar, group: str, seen: Reading, position: int) -> None:
        """A known bar has another label now."""
        self._known.setdefault(_key(group, seen, position), bar)

    def source(self, name: str) -> Bar:
        """The one bar of a source that has no more: markers, a manager's lines, the terminal's own progress."""
        self.draws = True
        return self._known.get((name, "", 0)) or self._known.setdefault((name, "", 0), self._new(0))

    def _new(self, position: int) -> Bar:
        self._count += 1
        return Bar(f"b{self._count}", position)


def _key(group: str, seen: Reading, position: int) -> _Key:
    """Bars without a label are told apart by their totals: HF's for evaluation comes in several places."""
    return (group, normal(seen.label), position) if seen.label else (group, f"/{seen.total}", 0)
