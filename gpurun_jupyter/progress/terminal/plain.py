"""Ordinary text on its way through: all it loses are markers and managers' lines, which become events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gpurun_jupyter.core.events import Meta, Metric, Output, Progress
from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.readers import markers, vtm
from gpurun_jupyter.progress.readers.budget import Budget
from gpurun_jupyter.progress.readers.readings import Reading
from gpurun_jupyter.progress.terminal.lines import Lines

_LONGEST_PREFIX = max(len(prefix) for prefix in (markers.PREFIX, *vtm.PREFIXES))

Emitted = Output | Progress | Metric | Meta


class Plain:
    """One stream's ordinary text. `held` is the beginning of what may become a marker."""

    def __init__(self, stream: Literal["stdout", "stderr"], bars: Roster, budget: Budget | None = None) -> None:
        self._stream = stream
        self._bars = bars
        self._lines = Lines(bars, budget)
        self._events: list[Emitted] = []
        self._parts: list[str] = []  # of an Output that is not among them yet
        self._swallow_newline = False
        self.held = ""
        self.at_line_start = True

    @property
    def settled(self) -> bool:
        """Whether nothing is held and nothing waits for what comes next."""
        return not self.held and not self._swallow_newline

    @property
    def fresh(self) -> bool:
        """Whether nothing has been printed on the line, and nothing is held that may be."""
        return self.at_line_start and self.settled

    def take(self) -> list[Emitted]:
        """What came of the text so far."""
        self._end_output()
        events, self._events = self._events, []
        return events

    def tell(self, news: Sequence[Emitted]) -> None:
        """Put events between the text before and after."""
        if news:
            self._end_output()
            self._events += news

    def write(self, text: str) -> None:
        """A bar's line, or a control character: nothing is looked for in it, and a line begun before is at its end."""
        if text:
            self.tell(self._lines.end() if "\n" in text else [])
            self._put(text)

    def say(self, text: str) -> None:
        """Text without markers, whose lines may say something."""
        if text:
            self._put(text)
            self.tell(self._lines.read(text))

    def pass_on(self, text: str) -> list[Emitted] | None:
        """The short way of text in which there is nothing to fold; None where there may be a marker in it.

        It must be quick: most that runs print comes through here. To look for a single letter costs nothing.
        """
        if ("G" in text and "PROGRESS:" in text) or ("V" in text and "VTM_" in text):
            return None
        tail = text[-_LONGEST_PREFIX:]
        if ("[" in tail or "V" in tail) and self._begins_marker(text, len(text) - len(tail)):
            return None
        self.at_line_start = text[-1] == "\n"
        output: Emitted = Output(stream=self._stream, text=text)
        return [output, *self._lines.read(text)]

    def read(self, text: str) -> None:
        """Text without carriage returns, which may hold markers."""
        text, self.held = self.held + text, ""
        if self._swallow_newline and text:
            text = text.removeprefix("\n")
            self._swallow_newline = False
        position = 0
        while (start := self._next_marker(text, position)) >= 0:
            self.say(text[position:start])
            position = self._marker(text, start) if text[start] == "[" else self._managers_line(text, start)
            if position < 0:
                return
        keep = _unfinished(text, position, self.at_line_start)
        self.say(text[position:keep])
        self.held = text[keep:]

    def release(self) -> None:
        """Nothing more can come that belongs to what is held: it is ordinary text, or a manager's line without end."""
        held, self.held = self.held, ""
        if held.startswith("VTM_") and self._take_managers_line(held):  # its end may not come any more
            return
        self.say(held)

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self.at_line_start = text[-1] == "\n"

    def _end_output(self) -> None:
        if self._parts:
            self._events.append(Output(stream=self._stream, text="".join(self._parts)))
            self._parts = []

    def catch_up(self) -> None:
        """The run is quiet: what was passed over in a burst is read."""
        self.tell(self._lines.catch_up())

    def end_line(self) -> None:
        """What comes next overwrites the line, or stands below it."""
        self.release()
        self.tell(self._lines.end())

    def _next_marker(self, text: str, position: int) -> int:
        found = text.find(markers.PREFIX, position)
        if "VTM_" in text:
            if self.at_line_start and text.startswith(vtm.PREFIXES, position):
                return position
            line = vtm.START.search(text, position + 1)
            if line and not 0 <= found < line.start():
                return line.start()
        return found

    def _marker(self, text: str, start: int) -> int:
        """Deal with the marker at `start`; returns where to go on, or -1 where its end has not come yet."""
        piece = text[start : start + markers.MAX_CHARS]
        reading = markers.read(piece)
        if reading:
            return self._found(text, start + reading.end, reading)
        if len(piece) < markers.MAX_CHARS and "]" not in piece and "\n" not in piece:
            self.held = piece
            return -1
        self.say(markers.PREFIX)  # it is text, but a marker may follow in it
        return start + len(markers.PREFIX)

    def _found(self, text: str, end: int, reading: Reading) -> int:
        self.tell(self._bars.show(self._bars.source("marker"), reading, ""))
        if not self.at_line_start:
            return end  # between other text: only the marker goes
        # The marker was all there was on its line: the line's end goes with it.
        if end == len(text):
            self._swallow_newline = True
        return end + (text[end : end + 1] == "\n")

    def _managers_line(self, text: str, start: int) -> int:
        """The same for a manager's line, which must end with the line."""
        end = text.find("\n", start, start + vtm.MAX_CHARS)
        if end < 0 and len(text) - start < vtm.MAX_CHARS:
            self.held = text[start:]
            return -1
        if end >= 0 and self._take_managers_line(text[start:end]):
            return end + 1
        self.say("VTM_")  # as with markers
        return start + len("VTM_")

    def _take_managers_line(self, line: str) -> bool:
        said = vtm.read(line)
        if isinstance(said, Reading):
            self.tell(self._bars.show(self._bars.source("manager"), said, ""))
        elif said:
            self.tell([said])
        return said is not None

    def _begins_marker(self, text: str, start: int) -> bool:
        at_line_start = text[start - 1] == "\n" if start else self.at_line_start
        return _unfinished(text, start, at_line_start) < len(text)


def _unfinished(text: str, start: int, at_line_start: bool) -> int:
    """Where the text's last characters, from `start` on, may begin a marker; its length where they cannot."""
    line = text.rfind("\n", start) + 1
    begun = text[line or start :]
    if begun and (line or at_line_start) and any(one.startswith(begun) for one in vtm.PREFIXES):
        return line or start
    bracket = text.rfind("[", max(start, len(text) - len(markers.PREFIX)))
    return bracket if bracket >= 0 and markers.PREFIX.startswith(text[bracket:]) else len(text)
