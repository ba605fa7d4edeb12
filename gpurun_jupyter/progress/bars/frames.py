"""The bars of something that is drawn as a whole again and again, and which of them are which over its frames."""

from __future__ import annotations

from collections.abc import Iterable

from gpurun_jupyter.core.events import Metric, Progress
from gpurun_jupyter.progress.bars.bar import Bar, continues, parent_of
from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.readers.readings import Reading, without_colours
from gpurun_jupyter.progress.readers.recognise import recognise

#: A row that is indented so far goes on with the row above: a last column that was too narrow for its text.
INDENT = " " * 12


class Frames:
    """One live display. `drawn` are the bars of its last frame."""

    def __init__(self, group: str, bars: Roster) -> None:
        self.drawn: list[Bar] = []
        self._group = group
        self._bars = bars

    @property
    def complete(self) -> bool:
        """Whether there are bars, and all are at their end."""
        return bool(self.drawn) and all(bar.complete for bar in self.drawn)

    def show(self, readings: Iterable[Reading], above: Iterable[Bar] = ()) -> list[Progress | Metric]:
        """A frame has these bars; returns what is new in them. `above` are bars of others that go on meanwhile."""
        others, drawn, news = [*above], list[Bar](), list[Progress | Metric]()
        for seen in readings:
            bar = self._bar(len(drawn), seen, [*others, *drawn])
            bar.parent = parent_of([*others, *drawn], seen.label) or bar.parent  # the outer one may be drawn no more
            drawn.append(bar)
            news += self._bars.show(bar, seen, "")
        if drawn:  # what was taken away while others go on is through, though that was not drawn
            news += [event for bar in self.drawn if bar not in drawn for event in self._bars.complete(bar)]
        self.drawn = drawn
        return news

    def let_go(self, bars: list[Bar]) -> None:
        """These are drawn elsewhere now."""
        self.drawn = [bar for bar in self.drawn if bar not in bars]

    def _bar(self, place: int, seen: Reading, taken: list[Bar]) -> Bar:
        before = [bar for bar in self.drawn if bar not in taken]
        for bar in before:
            if bar.seen and (bar.seen.label, bar.seen.total) == (seen.label, seen.total):
                return bar
        here = self.drawn[place] if place < len(self.drawn) else None
        if here and here in before and here.seen and continues(here.seen, seen):
            self._bars.rename(here, self._group, seen, place)
            return here
        found = self._bars.find(self._group, seen, place)
        return self._bars.add(self._group, seen, place) if found in taken else found


def read_rows(rows: Iterable[str]) -> list[Reading]:
    """The bars among rows of text."""
    whole: list[str] = []
    for row in rows:
        plain = without_colours(row)
        if whole and plain.startswith(INDENT) and plain.strip():
            whole[-1] = f"{whole[-1].rstrip()} {plain.strip()}"
        else:
            whole.append(row)
    readings = (recognise(row) for row in whole)
    return [seen for seen in readings if seen]
