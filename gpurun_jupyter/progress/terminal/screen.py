"""One stream of text, read as a terminal would as far as bars need: carriage returns, newlines, cursor up.

Ordinary text passes at once. What follows a carriage return waits for its end (another one, a newline, a
movement of the cursor), because it may be a bar; one that is recognisably whole is told of at once. While the cursor is
hidden, a live display is drawn: live_display.py reads that.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Literal

from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.readers import markers, osc
from gpurun_jupyter.progress.readers.budget import Budget
from gpurun_jupyter.progress.readers.readings import MAX_HELD_CHARS, TRIAL, Reading, without_colours, without_moves
from gpurun_jupyter.progress.readers.recognise import recognise
from gpurun_jupyter.progress.terminal.live_display import Display
from gpurun_jupyter.progress.terminal.plain import Emitted, Plain
from gpurun_jupyter.progress.terminal.region import Region

_CONTROL = re.compile(r"\r|\n|\x08+|\x1b\[(\d*)A")
_PART_OF_CONTROL = re.compile(r"\x1b(?:\[\d{0,4})?")
#: Text with redraws is dealt with in pieces of this size, because each redraw leaves a copy of the rest.
_PIECE_CHARS = 1024
_LINE_END = re.compile(r"\r+\n")  # a terminal makes \r\r\n of a program's own \r\n


class _Mode(Enum):
    TEXT = "ordinary text passes"
    FRAME = "after a carriage return"
    MOVED = "the cursor came into another row, and nothing has been written there"


class Screen:
    """The decoder of one stream."""

    def __init__(self, stream: Literal["stdout", "stderr"], bars: Roster, budget: Budget | None = None) -> None:
        self._stream = stream
        self._bars = bars
        self._plain = Plain(stream, bars, budget)
        self._region = Region(stream, bars)
        self._display: Display | None = None
        self._mode = _Mode.TEXT
        self._escape = ""  # the beginning of a control sequence about the terminal
        self._held = ""  # of a frame, of a control sequence, or newlines that may turn out to be movements
        self._carriage_return = ""  # the last character was one: with a newline it is only a line's end
        self._line_open = False  # ordinary text stands in the region's first row
        self._calm = True

    def feed(self, text: str) -> list[Emitted]:
        """Take text in; returns what came of it."""
        if self._calm and text and ("\x1b" not in text or not osc.is_in(text)):
            if "\r" in text:
                text = text.replace("\r\n", "\n")
            if "\r" not in text and (passed := self._plain.pass_on(text)) is not None:
                return passed
        self._feed(text)
        self._calm = self._is_calm()
        return self._plain.take()

    def _feed(self, text: str) -> None:
        if not (self._escape or osc.is_in(text)):
            self._draw_text(text)
            return
        text = self._escape + text
        begun = osc.begun(text)
        self._escape = text[begun:]
        for piece, said in osc.split(text[:begun]):
            self._draw_text(piece)
            self._obey(said)

    def idle(self) -> list[Emitted]:
        """The run is quiet: pass on as ordinary text what is held and does not look like a bar, and tell of bars."""
        escape, self._escape = self._escape, ""  # nothing came to end the sequence: it is text
        self._draw_text(escape)
        if self._display:
            self._display.idle()
        elif self._mode is _Mode.TEXT:
            self._plain.release()
        elif self._mode is _Mode.FRAME and self._held.strip():
            seen = recognise(self._held)
            if seen:
                self._draw(seen, self._held)
            else:
                held, self._held = self._held, ""
                self._ordinary(held)
        self._plain.catch_up()
        self._calm = self._is_calm()
        return self._plain.take()

    def rest(self) -> list[Emitted]:
        """Nothing more comes for now: a bar is through that is complete, or was left for a row of its own."""
        if not self._display and self._mode is not _Mode.TEXT:
            self._log(self._region.left())
        return self._plain.take()

    def end(self) -> list[Emitted]:
        """The text is at its end: give out what is held, and a line for every bar that had none yet."""
        escape, self._escape = self._escape, ""
        self._draw_text(escape)
        self._end_display()
        self._settle()
        self._plain.catch_up()
        self._calm = self._is_calm()
        return self._plain.take()

    def _is_calm(self) -> bool:
        """Whether nothing is held or drawn that the next text could have to do with."""
        if self._mode is not _Mode.TEXT or self._display or self._region.suspended:
            return False
        return self._plain.settled and not (self._held or self._carriage_return or self._escape)

    def _draw_text(self, text: str) -> None:
        """Take in text without control sequences about the terminal."""
        if not text:
            return
        text = self._newlines_only(text)
        if self._display:
            self._display.feed(text)
            return
        for start in range(0, len(text), _PIECE_CHARS):
            rest = self._held + text[start : start + _PIECE_CHARS]
            self._held = ""
            while rest:
                rest = self._step(rest)
        self._tell_whole_bar()

    def _obey(self, said: Reading | bool | None) -> None:
        if isinstance(said, Reading):
            self._plain.tell(self._bars.show(self._bars.source("osc"), said, ""))
        elif said is False:
            self._end_display()
        elif said and not self._display:
            self._settle()
            self._display = Display(self._stream, self._bars, self._plain)

    def _end_display(self) -> None:
        """The cursor is back, or will not come: what the display shows is logged, unless its row is drawn on."""
        display, self._display = self._display, None
        if display and (row := display.unfinished(self._stream)):
            self._mode, self._held = _Mode.FRAME, row
        elif display:
            display.end()

    def _settle(self) -> None:
        """No more comes that belongs to what is held or drawn."""
        held, self._held = self._held, ""
        if self._mode is _Mode.FRAME:
            self._plain.read(self._decide(held, ""))
        else:
            self._leave(held)
        self._plain.release()
        # It was not the first half of a line's end.
        if self._carriage_return and not self._plain.at_line_start:
            self._plain.write("\r")
        self._carriage_return = ""
        self._line_open = self._line_open or not self._plain.at_line_start
        self._log(self._region.end())
        self._line_open = False
        self._mode = _Mode.TEXT

    def _newlines_only(self, text: str) -> str:
        """Line ends as newlines; a carriage return at the end of the text waits for what follows."""
        text = self._carriage_return + text
        self._carriage_return = "\r" if text.endswith("\r") else ""
        return _LINE_END.sub("\n", text.rstrip("\r")) if "\r" in text else text

    def _step(self, text: str) -> str:
        """Deal with the beginning of `text`; returns what is left to deal with."""
        if self._mode is _Mode.TEXT:
            return self._read_text(text)
        return self._read_frame(text) if self._mode is _Mode.FRAME else self._read_movement(text)

    def _read_text(self, text: str) -> str:
        plain, carriage_return, rest = text.partition("\r")
        if carriage_return and (plain.endswith(f"\n{TRIAL}") or (plain == TRIAL and self._plain.fresh)):
            plain = plain.removesuffix(TRIAL)
        moves = self._possible_moves(plain)
        self._plain.read(plain[: len(plain) - moves])
        if not carriage_return:
            self._held = plain[len(plain) - moves :]
            return ""
        self._plain.end_line()
        self._line_open = not self._plain.at_line_start
        self._region.start(moves)
        self._mode = _Mode.FRAME
        return rest

    def _possible_moves(self, text: str) -> int:
        """How many newlines at the end perhaps lead to the row of an earlier bar, and are no empty lines."""
        if not self._region.suspended:
            return 0
        newlines = len(text) - len(text.rstrip("\n"))
        ends_a_line = newlines < len(text) or not self._plain.fresh
        return max(0, newlines - ends_a_line)

    def _read_frame(self, text: str) -> str:
        if text.startswith(markers.PREFIX):  # printed behind the carriage return of a bar
            self._ordinary("")
            return text
        control = _CONTROL.search(text, 0, MAX_HELD_CHARS)
        if control:
            return self._decide(text[: control.start()], control[0]) + text[control.end() :]
        if len(text) < MAX_HELD_CHARS:
            self._held = text
            return ""
        return self._decide(text[:MAX_HELD_CHARS], "") + text[MAX_HELD_CHARS:]

    def _decide(self, frame: str, control: str) -> str:
        """Deal with a frame and the control that ended it; returns what is to be read as ordinary text."""
        seen = recognise(frame)
        if seen:
            self._draw(seen, frame)
            behind = frame[seen.end :]
            if control in ("", "\n") and without_colours(behind).strip():  # printed behind the bar in its line
                self._leave("")
                return behind + control
        elif frame and not self._wiped_by(frame):
            self._ordinary(frame)
            return control
        self._control(control)
        return ""

    def _draw(self, seen: Reading, frame: str) -> None:
        lines, news = self._region.draw(seen, without_moves(frame[: seen.end]))
        self._log(lines)
        self._plain.tell(news)

    def _wiped_by(self, frame: str) -> bool:
        """Whether the frame is blank, or a bar's label alone, over a bar or over nothing; over text it is text too."""
        text, here = without_colours(frame).strip(" "), self._region.here
        text = "" if text == TRIAL else text
        if text and not (here and frame.endswith(" ") and here.text.startswith(text)):
            return False
        if self._line_open and self._region.untouched:
            return False
        self._region.wipe()
        return True

    def _ordinary(self, frame: str) -> None:
        """Ordinary text takes the place of what the cursor's row holds."""
        below = self._region.y > 0
        lines = self._region.end_here()
        if self._line_open and not (lines or below):
            self._plain.write("\r")
        self._to_text(lines, newline=below)
        self._plain.read(frame)

    def _leave(self, text: str) -> None:
        """Ordinary text follows where the cursor stands."""
        if self._mode is not _Mode.TEXT:
            self._to_text(self._region.ended(), newline=True)
        self._plain.read(text)

    def _to_text(self, lines: list[str], *, newline: bool) -> None:
        if self._line_open and (newline and not lines):
            self._plain.write("\n")
        self._log(lines)
        self._line_open = False
        self._region.start()
        self._mode = _Mode.TEXT

    def _read_movement(self, text: str) -> str:
        control = _CONTROL.match(text)
        if control:
            self._control(control[0])
            return text[control.end() :]
        if _PART_OF_CONTROL.fullmatch(text):
            self._held = text
            return ""
        self._leave("")
        return text

    def _control(self, control: str) -> None:
        """Move the cursor."""
        # Keras goes back by backspaces.
        self._mode = _Mode.FRAME if control[:1] in ("\r", "\b") else _Mode.MOVED
        if control == "\n":
            self._log(self._region.down())
        elif control.startswith("\x1b"):
            self._region.up(int(control[2:-1] or 1))

    def _log(self, lines: list[str]) -> None:
        if lines and self._line_open:
            self._plain.write("\n")
            self._line_open = False
        self._plain.write("".join(lines))

    def _tell_whole_bar(self) -> None:
        """Tell of a bar that is there as a whole without waiting for what ends its frame."""
        if self._mode is _Mode.FRAME and 0 < len(self._held) <= _PIECE_CHARS:
            seen = recognise(self._held)
            if seen and seen.closed:
                self._draw(seen, self._held)
