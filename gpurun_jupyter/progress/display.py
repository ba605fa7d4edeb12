"""The rows of a live display (rich.Live, rich.progress, Lightning's rich bar), while a program hides the cursor.

A frame is drawn as a few rows of text. The next one begins by erasing them from the last to the first:
`\\r ESC[2K`, and for each row above `ESC[1A ESC[2K`. What stands above the erased rows was printed and stays; what was
erased is a state that has passed. So a frame is read when its erasing begins, and the last one when the cursor comes
back.
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.bars import Bar, continues, parent_of
from gpurun_jupyter.progress.plain import Plain
from gpurun_jupyter.progress.readings import MAX_HELD_CHARS, Reading, without_colours, without_moves
from gpurun_jupyter.progress.recognise import recognise
from gpurun_jupyter.progress.roster import Roster

MAX_ROWS = 200

_CONTROL = re.compile(r"\r|\n|\x1b\[(\d*)A|\x1b\[([012]?)K")
_BEGUN = re.compile(r"\x1b(?:\[\d{0,3})?\Z")
#: A row that is indented so far goes on with the row above: a last column that was too narrow for its text.
_INDENT = " " * 12
#: Where a row of a display ends, and what another stream wrote there without knowing of the display begins.
_ROW_END = re.compile(r"\x1b\[0m *(?=\S)(?!\x1b)")


class Display:
    """The rows since the last text that is sure to stay; `_y` is the row of the cursor.

    Ordinary text that was printed above the display, and news of its bars, go to `plain` in order.
    """

    def __init__(self, group: str, bars: Roster, plain: Plain) -> None:
        self._group = f"{group} display"
        self._bars = bars
        self._plain = plain
        self._rows = [""]
        self._y = 0
        self._held = ""
        self._returned = False  # the next text overwrites the row
        self._erasing = False
        self._drawn = False  # something was drawn that has not been read
        self._height: int | None = None  # rows of the frame before
        self._bars_before: list[Bar] = []
        self._foreign = ""

    def feed(self, text: str) -> None:
        """Draw text."""
        text, self._held = self._held + text, ""
        begun = _BEGUN.search(text)
        if begun:
            text, self._held = text[: begun.start()], begun[0]
        position = 0
        for control in _CONTROL.finditer(text):
            self._put(text[position : control.start()])
            if self._drawn and control[0] != "\n":
                self._read()
            self._move(control)
            position = control.end()
        self._put(text[position:])

    def idle(self) -> None:
        """Nothing came for a while: the frame is whole, and rows above its bars need not wait for the next."""
        if self._drawn:
            self._read()
        sure = len(self._rows) - (self._height or 1)
        ahead = next((number for number, row in enumerate(self._rows) if recognise(row)), len(self._rows))
        self._let_go(max(0, min(sure, ahead, self._y)))

    def end(self) -> None:
        """The cursor is back, or the text at its end: the rows stay as they are drawn."""
        self._put(self._held)
        if self._drawn:
            self._read()
        self._plain.release()
        rows = "".join(f"{_tidy(row)}\n" for row in self._rows)
        if without_colours(rows).strip():
            self._plain.write("" if self._plain.at_line_start else "\n")
            self._plain.write(f"{rows.rstrip()}\n")

    def _put(self, text: str) -> None:
        if not text:
            return
        if self._erasing:
            self._begin_frame()
        if self._returned:
            self._rows[self._y], self._returned = "", False
        self._rows[self._y] += text
        self._drawn = True
        while len(self._rows[self._y]) > MAX_HELD_CHARS:
            self._plain.read(self._rows[self._y][:MAX_HELD_CHARS])
            self._rows[self._y] = self._rows[self._y][MAX_HELD_CHARS:]

    def _move(self, control: re.Match[str]) -> None:
        if control[0] == "\r":
            self._returned = True
        elif control[0] == "\n":
            self._down()
        elif control[0].endswith("A"):
            self._y = max(0, self._y - int(control[1] or 1))
            self._returned = True
        elif control[2] == "2" or self._returned:
            self._rows[self._y] = ""
            self._erasing = True

    def _down(self) -> None:
        if self._erasing:
            self._begin_frame()
        self._y += 1
        self._returned = self._y < len(self._rows)
        if self._y == len(self._rows):
            self._rows.append("")
        while self._height is None and self._y and not recognise(self._rows[0]):
            self._let_go(1)  # nothing has been erased so far: these are printed lines
        if len(self._rows) > MAX_ROWS:
            self._let_go(len(self._rows) - MAX_ROWS)

    def _begin_frame(self) -> None:
        """What stands above the erased rows has been printed and stays."""
        self._height = len(self._rows) - self._y
        if self._y and recognise(self._rows[0]):
            self._height = None
            self._rescue()
        self._let_go(self._y)
        self._rows, self._erasing, self._returned = [""], False, False

    def _rescue(self) -> None:
        """A bar was left above: a stream that does not know of the display ended a row, and its text was erased."""
        above = self._rows[: self._y]
        self._rows = [row for row in above if not recognise(row) and not without_colours(row).startswith(_INDENT)]
        self._plain.read(self._foreign)
        self._y = len(self._rows)

    def _let_go(self, count: int) -> None:
        self._plain.read("".join(f"{_tidy(row)}\n" for row in self._rows[:count]))
        self._rows = self._rows[count:] or [""]
        self._y = max(0, self._y - count)

    def _read(self) -> None:
        """Tell of every bar in the frame."""
        self._drawn = False
        self._foreign = self._behind_rows()
        drawn: list[Bar] = []
        for row in self._whole_rows():
            seen = recognise(row)
            if seen:
                bar = self._bar(len(drawn), seen, drawn)
                bar.parent = parent_of(drawn, seen.label) or bar.parent
                drawn.append(bar)
                self._plain.tell(self._bars.show(bar, seen, ""))
        self._bars_before = drawn

    def _behind_rows(self) -> str:
        """What follows the end of a row and its line's end, where the display itself never ends its last row."""
        if self._y == 0 or self._rows[self._y]:
            return ""
        end = _ROW_END.search(self._rows[self._y - 1])
        return self._rows[self._y - 1][end.end() :] + "\n" if end else ""

    def _whole_rows(self) -> list[str]:
        whole: list[str] = []
        for row in self._rows:
            plain = without_colours(row)
            if whole and plain.startswith(_INDENT) and plain.strip():
                whole[-1] = f"{whole[-1].rstrip()} {plain.strip()}"
            else:
                whole.append(row)
        return whole

    def _bar(self, place: int, seen: Reading, taken: list[Bar]) -> Bar:
        before = [bar for bar in self._bars_before if bar not in taken]
        for bar in before:
            if bar.seen and (bar.seen.label, bar.seen.total) == (seen.label, seen.total):
                return bar
        here = self._bars_before[place] if place < len(self._bars_before) else None
        if here and here in before and here.seen and continues(here.seen, seen):
            self._bars.rename(here, self._group, seen, place)
            return here
        found = self._bars.find(self._group, seen, place)
        return self._bars.add(self._group, seen, place) if found in taken else found


def _tidy(row: str) -> str:
    return without_moves(row).rstrip(" ")
