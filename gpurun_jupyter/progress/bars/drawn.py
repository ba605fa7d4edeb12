"""Bars that a run draws otherwise than as text, such as widgets: each leaves its last state, a line where it ended."""

from __future__ import annotations

from gpurun_jupyter.core.events import Metric, Output, Progress
from gpurun_jupyter.progress.bars.bar import Bar
from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.readers.readings import Reading


class Drawn:
    """Whoever draws a bar names it; the name is its id, and stays that of the same bar in the next epoch."""

    def __init__(self, bars: Roster) -> None:
        self._roster = bars
        self._bars: dict[str, Bar] = {}
        self._unsaid: dict[str, str] = {}  # last states that no line tells as yet, by name
        self._ended: set[str] = set()

    def show(self, name: str, parent: str | None, seen: Reading, text: str) -> list[Progress | Metric]:
        """The bar is now like this; returns what is new in it. An empty `text` leaves the one before."""
        bar = self._bars.setdefault(name, Bar(name, 0, parent))
        said = name not in self._unsaid and bar.complete and bar.seen is not None and seen.done == bar.seen.done
        self._ended.discard(name)
        if text and not said:
            self._unsaid.pop(name, None)  # the order is that in which they were drawn last
            self._unsaid[name] = text
        return [*self._roster.show(bar, seen, text)]

    def begin(self, name: str) -> list[Output]:
        """The bar is drawn in a place of its own, as in the next epoch: a line for the place before."""
        return self._say(name)

    def end_of(self, name: str) -> None:
        """The bar has ended, though it may not be complete."""
        self._ended.add(name)

    def remove(self, name: str) -> None:
        """The bar is taken away: it leaves nothing."""
        self._unsaid.pop(name, None)

    def make_way(self) -> list[Output]:
        """Something else is shown: a line for each bar that has ended before it."""
        ended = [name for name in self._unsaid if name in self._ended or self._bars[name].complete]
        return [line for name in ended for line in self._say(name)]

    def end(self) -> list[Output]:
        """The cell is at its end: a line for each bar that has none."""
        return [line for name in [*self._unsaid] for line in self._say(name)]

    def _say(self, name: str) -> list[Output]:
        text = self._unsaid.pop(name, "")
        return [Output(stream="stderr", text=f"{text}\n")] if text.strip() else []
