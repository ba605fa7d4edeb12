"""Displayed objects: bars that are HTML, and the frames of rich, are bars of the run; every object has a text.

As long as a bar goes on, its display is told without text, so that it is not a new line in the log with each state;
where it ended, once more with its text. A display with nothing to see in it is none; one that is emptied has no data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from gpurun_jupyter.core.events import Display, Metric, Progress, Result
from gpurun_jupyter.progress.bars.bar import Bar
from gpurun_jupyter.progress.bars.frames import Frames, read_rows
from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.readers import html
from gpurun_jupyter.progress.readers.budget import Budget
from gpurun_jupyter.progress.readers.html_bars import metrics_of, reading_of
from gpurun_jupyter.progress.readers.readings import Reading, without_colours
from gpurun_jupyter.progress.terminal.lines import Lines

#: So many displays are remembered, and rows of a table.
MAX_DISPLAYS = 200
MAX_TABLE_ROWS = 20_000

#: Whom what is read of HTML is told by.
_BY = "bars/html"
_PLAIN, _HTML = "text/plain", "text/html"
#: Sources that tell what the object is where its own text does not.
_SOURCES = ("text/markdown", "text/latex")
#: What Python says of an object that has nothing to say of itself.
_NAMELESS = re.compile(r"<[\w.]+(?: object)?(?: at 0x[0-9a-fA-F]+)?>")
_BAR = re.compile(r"<progress\b", re.IGNORECASE)
_PICTURE = re.compile(r"<(?:img|svg|canvas|video|audio|iframe|object|embed|input|button|hr)\b", re.IGNORECASE)
#: How the HTML of rich begins, with which it prints in a notebook.
_OF_RICH = '<pre style="white-space:pre;overflow-x:auto'
_RICH_BAR = "━"

Told = Display | Result | Progress | Metric


class _Look(NamedTuple):
    """A mime bundle as it looks: its bars and tables, its text, and whether there is anything to see."""

    readings: list[Reading]
    tables: list[html.Table]
    text: str
    empty: bool


@dataclass(eq=False)
class _Shown:
    """A display with an id: its last state with its text; whether it is in the log, and its text."""

    event: Display
    frames: Frames
    written: bool
    is_bar: bool = False
    said: bool = False
    rows: set[tuple[Any, ...]] = field(default_factory=set)

    @property
    def waits(self) -> bool:
        """Whether its text is still to be told."""
        return self.is_bar and self.written and not self.said and bool(self.event.data)


class Displayed:
    """The displays of a run."""

    def __init__(self, bars: Roster, budget: Budget | None = None) -> None:
        self._bars = bars
        self._lines = Lines(bars, budget)
        self._shown: dict[str, _Shown] = {}
        self._waiting: list[_Shown] = []  # bars whose text is still to be told

    def take(self, event: Display | Result) -> list[Told]:
        """What is to be told of an object that was displayed, or of a new state of it."""
        name = event.display_id if isinstance(event, Display) else None
        known = self._shown.get(name or "")
        look = _look(event.data, tables=known is not None and known.is_bar)
        if isinstance(event, Display) and name is not None:
            return self._take_state(event, look, self._place(name, event))
        if look.empty:
            return [*self._ended_by(event)]
        news = Frames("display", self._bars).show(look.readings, self._open()) if look.readings else []
        return [*news, *self._printed(event.data, look), _with_text(event, look.text)]

    def make_way(self) -> list[Display]:
        """Something else is shown: the text of each bar that has ended before it."""
        return self._say(lambda shown: all(bar.complete for bar in shown.frames.drawn)) if self._waiting else []

    def end(self) -> list[Display]:
        """The cell is at its end: the text of each bar that was not told."""
        return self._say(lambda _: True)

    def _say(self, which: Callable[[_Shown], bool]) -> list[Display]:
        """The texts of these, which others may come after."""
        told = [shown for shown in self._waiting if shown.waits and which(shown)]
        for shown in told:
            shown.said, shown.event = True, msgspec.structs.replace(shown.event, update=True)
        self._waiting = [shown for shown in self._waiting if shown.waits]
        return [shown.event for shown in told]

    def _ended_by(self, event: Display | Result) -> list[Display]:
        """When rich is done with a live display it prints nothing, as a display with nothing in it."""
        if not _of_rich(event.data):
            return []
        return self._say(lambda shown: _of_rich(shown.event.data))

    def _place(self, name: str, event: Display) -> _Shown:
        shown = self._shown.pop(name, None) if event.update else None
        if shown is None:
            shown = _Shown(event, Frames("display", self._bars), written=event.update)
        self._shown[name] = shown  # the newest last
        if len(self._shown) > MAX_DISPLAYS:
            del self._shown[next(iter(self._shown))]
        return shown

    def _take_state(self, event: Display, look: _Look, shown: _Shown) -> list[Told]:
        if look.empty:
            return self._emptied(event, shown)
        shown.is_bar = shown.is_bar or bool(look.readings)
        news = self._frame(shown, look.readings) if shown.is_bar else []
        rows = [*_new_rows(shown, look.tables)] if shown.is_bar else []
        shown.event = msgspec.structs.replace(_with_text(event, look.text), update=shown.written)
        shown.written = True
        state = _without_text(shown) if shown.waits else shown.event
        if shown.waits and shown not in self._waiting:
            self._waiting.append(shown)
        return [*news, *rows, *self._printed(event.data, look), state]

    def _frame(self, shown: _Shown, readings: list[Reading]) -> list[Progress | Metric]:
        before = shown.frames.drawn
        news = shown.frames.show(readings, self._open(shown))
        if shown.frames.drawn != before:  # a bar may be that of the epoch before, whose display has ended
            for other in self._shown.values():
                if other is not shown:
                    other.frames.let_go(shown.frames.drawn)
        return news

    def _emptied(self, event: Display, shown: _Shown) -> list[Told]:
        """Nothing is to be seen: what was not there before need not be."""
        shown.frames.show([])
        shown.event = msgspec.structs.replace(event, data={}, metadata={})
        return [shown.event] if shown.written else []

    def _open(self, apart_from: _Shown | None = None) -> Iterator[Bar]:
        """Bars of other displays that go on."""
        for shown in self._shown.values():
            if shown is not apart_from:
                yield from (bar for bar in shown.frames.drawn if not bar.complete)

    def _printed(self, data: dict[str, Any], look: _Look) -> list[Progress | Metric]:
        """While rich draws bars, it prints what the code prints, as displays."""
        if look.readings or not _of_rich(data):
            return []
        return self._lines.read(without_colours(look.text).rstrip("\n") + "\n")


def _of_rich(data: dict[str, Any]) -> bool:
    return str(data.get(_HTML, "")).startswith(_OF_RICH)


def _without_text(shown: _Shown) -> Display:
    """The state of a bar that goes on; what is nothing but text keeps it."""
    data = {mime: value for mime, value in shown.event.data.items() if mime != _PLAIN}
    shown.said = not data
    return msgspec.structs.replace(shown.event, data=data or shown.event.data)


def _with_text(event: Any, text: str) -> Any:
    if not text and _PLAIN not in event.data:
        return event
    return msgspec.structs.replace(event, data={**event.data, _PLAIN: text})


def _new_rows(shown: _Shown, tables: list[html.Table]) -> Iterator[Metric]:
    for number, table in enumerate(tables):
        for place, row in enumerate(table.rows):
            metric = metrics_of(table, row)
            # By its step alone where it has one: of a long table the first rows are missing, and others move up.
            key = (number, *row) if metric and metric.step is not None else (number, place, *row)
            if metric and key not in shown.rows and len(shown.rows) < MAX_TABLE_ROWS:
                shown.rows.add(key)
                yield msgspec.structs.replace(metric, by=_BY)


def _look(data: dict[str, Any], *, tables: bool) -> _Look:
    plain, source = data.get(_PLAIN, ""), data.get(_HTML)
    plain = plain if isinstance(plain, str) else ""
    nameless = not plain.strip() or _NAMELESS.fullmatch(plain.strip()) is not None
    nameless = nameless or (isinstance(source, str) and plain.strip() == source.strip())
    page = None
    if isinstance(source, str) and (nameless or tables or _BAR.search(source)):
        page = html.read(source)
    readings = [reading_of(bar)._replace(by=_BY) for bar in page.bars] if page else []
    if not readings and _RICH_BAR in plain:
        readings = read_rows(plain.split("\n"))
    if not nameless:
        text = plain
    elif page and (page.text or not _PICTURE.search(str(source))):
        text = page.text
    else:
        text = next((data[mime] for mime in _SOURCES if isinstance(data.get(mime), str)), plain)
    beside = data.keys() - {_PLAIN, _HTML}
    empty = nameless and (page.empty and beside <= {"text/markdown"} if page else not (plain.strip() or beside))
    return _Look(readings, page.tables if page else [], text, empty)
