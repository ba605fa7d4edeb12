"""The rows of a terminal in which bars are being redrawn, and what becomes of them.

A bar that ends with its line is logged once. One that is wiped out is not, as on a terminal. One that
ordinary text pushed aside floats: it is drawn again further down, or is logged at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpurun_jupyter.core.events import Metric, Progress
from gpurun_jupyter.progress.bars.bar import Bar, continues, parent_of
from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.readers.readings import Reading

MAX_ROWS = 64


@dataclass
class _Row:
    """A row: the bar in it, or none because it was wiped, or because nothing was drawn there."""

    bar: Bar | None = None
    wiped: bool = False


class Region:
    """The rows since the last ordinary text; `y` is the one that the cursor is in."""

    def __init__(self, group: str, bars: Roster) -> None:
        self._group = group
        self._bars = bars
        self._rows = [_Row()]
        self._floating: list[Bar] = []
        self._wiped: list[Bar] = []
        self._drawn_last: Bar | None = None
        self.y = 0
        self.suspended = False  # a bar left its row in the middle of its way: it may come back anywhere

    @property
    def here(self) -> Bar | None:
        """The bar in the cursor's row."""
        return self._rows[self.y].bar

    @property
    def untouched(self) -> bool:
        """Whether no bar has been drawn."""
        return not any(row.bar or row.wiped for row in self._rows)

    def start(self, y: int = 0) -> None:
        """Forget the rows, and begin with `y` empty ones above the cursor."""
        self._float(self._rows)
        self._rows = [_Row() for _ in range(y + 1)]
        self.y = y

    def draw(self, seen: Reading, text: str) -> tuple[list[str], list[Progress | Metric]]:
        """Put a bar into the cursor's row; returns lines to log and news of the bar."""
        bar = self._identify(seen)
        lines = self._restart(bar, seen)
        row = self._rows[self.y]
        if row.bar and row.bar is not bar:
            if row.bar.complete:
                lines += _log([row.bar])
            else:
                self._float([row])
        self._take_out(bar)
        row.bar, row.wiped = bar, False
        if bar.logged and self._drawn_last is not bar:
            bar.logged = False  # others were drawn since: this is another time, as of a validation of one step
        self._drawn_last = bar
        went_on = bar.seen is not None and seen.done > bar.seen.done
        return lines, [*(self._complete_inside(bar) if went_on else []), *self._bars.show(bar, seen, text)]

    def wipe(self) -> None:
        """The cursor's row was overwritten with nothing."""
        row = self._rows[self.y]
        if row.bar:
            self.suspended = self.suspended or not row.bar.complete
            self._wiped = [*self._wiped, row.bar][-MAX_ROWS:]
            row.bar, row.wiped = None, True

    def down(self) -> list[str]:
        """A newline; returns lines to log: complete bars at the top need not wait for what comes below.

        But for the one whose row is left: a validation's bar may come below it, and then it is drawn once more.
        """
        self.y += 1
        if self.y == len(self._rows):
            self._rows.append(_Row())
        return self._commit(max(min(self._ended_above(), self.y - 1), self.y - MAX_ROWS))

    def up(self, count: int) -> None:
        """The cursor was moved up."""
        self.y = max(0, self.y - count)

    def end_here(self) -> list[str]:
        """Ordinary text takes the place of the bar in the cursor's row: lines to log for it and for the bars above."""
        lines = self._commit(self.y)
        row = self._rows[self.y]
        if row.bar:
            lines += _log([row.bar])
            row.bar, row.wiped = None, True
        return lines

    def ended(self) -> list[str]:
        """Lines to log for the bars above, if the cursor came to a row of its own, else for the complete one in it."""
        if not self.here:
            return self._commit(self.y)
        return _log([self.here]) if self.here.complete else []

    def left(self) -> list[str]:
        """Lines to log where the cursor rests: in an empty row right below bars, or in that of a complete one."""
        if self.here:
            return _log([self.here]) if self.here.complete else []
        above = self._rows[self.y - 1].bar if self.y and self._rows[self.y] == _Row() else None
        return self._commit(self.y) if above else []

    def end(self) -> list[str]:
        """The text is at its end: lines to log for every bar that is still drawn or floats."""
        lines = self._commit(self.y)
        lines += _log([row.bar for row in self._rows if row.bar] + self._floating)
        self._rows, self._floating, self.y = [_Row()], [], 0
        return lines

    def _commit(self, count: int) -> list[str]:
        rows, self._rows = self._rows[:count], self._rows[count:] or [_Row()]
        self.y = max(0, self.y - count)
        lines: list[str] = []
        for row in rows:
            # In a row without a bar that was never wiped, the program printed an empty line.
            lines += _log([row.bar]) if row.bar else [] if row.wiped else ["\n"]
        return lines

    def _identify(self, seen: Reading) -> Bar:
        here, place = self._rows[self.y].bar, self.y - self._ended_above()
        if here and here.seen and (here.seen.label, here.seen.total) == (seen.label, seen.total):
            return here
        drawn = [row.bar for row in self._rows if row.bar]
        for bar in [*drawn, *self._floating]:  # it may be drawn in another row now
            if bar.seen and (bar.seen.label, bar.seen.total) == (seen.label, seen.total):
                return bar
        if here and here.seen and continues(here.seen, seen):
            self._bars.rename(here, self._group, seen, place)
            return here
        bar = self._bars.find(self._group, seen, place)
        if bar is not here and bar in drawn and not bar.complete:  # two of one label, both going on
            bar = self._bars.add(self._group, seen, place)
        above = [row.bar for row in self._rows[: self.y] if row.bar and row.bar.seen]
        bar.parent = parent_of(above, seen.label) or bar.parent
        return bar

    def _restart(self, bar: Bar, seen: Reading) -> list[str]:
        """A bar that ended in a row above begins again here: lines to log, down to that row."""
        if not bar.seen or not bar.complete or seen.done >= bar.seen.done:
            return []
        above = [number for number, row in enumerate(self._rows[: self.y]) if row.bar is bar]
        return self._commit(above[0] + 1) if above else []

    def _ended_above(self) -> int:
        """How many complete bars stand at the top, above the cursor."""
        ended = 0
        while ended < self.y and _is_complete(self._rows[ended]):
            ended += 1
        return ended

    def _take_out(self, bar: Bar) -> None:
        for row in self._rows:
            if row.bar is bar:
                row.bar, row.wiped = None, True
        self._floating = [other for other in self._floating if other is not bar]
        self._wiped = [other for other in self._wiped if other is not bar]

    def _complete_inside(self, outer: Bar) -> list[Progress | Metric]:
        """A bar inside was wiped and the outer one goes on: its last steps were not drawn."""
        ended = [bar for bar in self._wiped if bar.parent == outer.id]
        self._wiped = [bar for bar in self._wiped if bar.parent != outer.id]
        return [event for bar in ended for event in self._bars.complete(bar)]

    def _float(self, rows: list[_Row]) -> None:
        for row in rows:
            if row.bar:
                self._floating.append(row.bar)
                self.suspended = True
                row.bar, row.wiped = None, True
        del self._floating[:-MAX_ROWS]


def _is_complete(row: _Row) -> bool:
    return row.bar is not None and row.bar.complete


def _log(bars: list[Bar]) -> list[str]:
    lines = [f"{bar.text}\n" for bar in bars if not bar.logged]
    for bar in bars:
        bar.logged = True
    return lines
