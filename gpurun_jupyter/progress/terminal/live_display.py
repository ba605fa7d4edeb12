"""The rows of a live display (rich.Live, rich.progress, Lightning's rich bar), while a program hides the cursor.

A frame is drawn as a few rows of text. The next one begins by erasing them from the last to the first:
`\\r ESC[2K`, and for each row above `ESC[1A ESC[2K`. What stands above the erased rows was printed and stays; what was
erased is a state that has passed. So a frame is read when its erasing begins, and the last one when the cursor comes
back.
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.bars.frames import INDENT, Frames, read_rows
from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.readers.readings import MAX_HELD_CHARS, without_colours, without_moves
from gpurun_jupyter.progress.readers.recognise import recognise
from gpurun_jupyter.progress.terminal.plain import Plain

MAX_ROWS = 200

_CONTROL = re.compile(r"\r|\n|\x1b\[(\d*)A|\x1b\[([012]?)K")
_BEGUN = re.compile(r"\x1b(?:\[\d{0,3})?\Z")
#: Where a row of a display ends, and what another stream wrote there without knowing of the display begins.
_ROW_END = re.compile(r"\x1b\[0m *(?=\S)(?!\x1b)")


class Display:
    """The rows since the last text that is sure to stay; `_y` is the row of the cursor.

    Ordinary text that was printed above the display, and news of its bars, go to `plain` in order.
    """

    def __init__(self, group: str, bars: Roster, plain: Plain) -> None:
        self._frames = Frames(f"{group} display", bars)
        self._bars = bars
        self._plain = plain
        self._rows = [""]
        self._y = 0
        self._held = ""
        self._returned = False  # the next text overwrites the row
        self._erasing = False
        self._drawn = False  # something was drawn that has not been read
        self._height: int | None = None  # rows of the frame before
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

    def unfinished(self, stream: str) -> str:
        """The only row, if it is a bar that the program goes on to draw in `stream` after the cursor is back."""
        seen = recognise(self._rows[0]) if len(self._rows) == 1 else None
        if not seen:
            return ""
        self._read()
        for bar in self._frames.drawn:
            self._bars.rename(bar, stream, seen, 0)
        return self._rows[0]

    def _put(self, text: str) -> None:
        if not text:
            return
        if self._erasing:
            self._begin_frame()
        if self._returned:
            self._rows[self._y], self._returned = "", False
        self._rows[self._y] += text
        self._drawn = True
        while len(self._rows[self._y]) > MAX_HELD_CHARS:  # no row of a terminal is so long
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
        elif control[2] == "2" or self._returned:  # ESC[K erases from the cursor on
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
        self._rows = [row for row in above if not recognise(row) and not without_colours(row).startswith(INDENT)]
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
        self._plain.tell(self._frames.show(read_rows(self._rows)))

    def _behind_rows(self) -> str:
        """What follows the end of a row and its line's end, where the display itself never ends its last row."""
        if self._y == 0 or self._rows[self._y]:
            return ""
        end = _ROW_END.search(self._rows[self._y - 1])
        return self._rows[self._y - 1][end.end() :] + "\n" if end else ""


def _tidy(row: str) -> str:
    return without_moves(row).rstrip(" ")
