"""Ordinary text on its way through: all it loses are the markers, which become Progress events."""

from __future__ import annotations

from typing import Literal

from gpurun_jupyter.core.events import Metric, Output, Progress
from gpurun_jupyter.progress import markers
from gpurun_jupyter.progress.bars import Bars
from gpurun_jupyter.progress.readings import Reading

Emitted = Output | Progress | Metric


class Plain:
    """One stream's ordinary text. `held` is the beginning of what may become a marker."""

    def __init__(self, stream: Literal["stdout", "stderr"], bars: Bars) -> None:
        self._stream = stream
        self._bars = bars
        self._events: list[Emitted] = []
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
        events, self._events = self._events, []
        return events

    def tell(self, news: list[Progress | Metric]) -> None:
        """Put events between the text before and after."""
        self._events += news

    def write(self, text: str) -> None:
        """Text as it is: no markers are looked for."""
        if not text:
            return
        last = self._events[-1] if self._events else None
        if isinstance(last, Output):
            self._events[-1] = Output(stream=self._stream, text=last.text + text)
        else:
            self._events.append(Output(stream=self._stream, text=text))
        self.at_line_start = text[-1] == "\n"

    def read(self, text: str) -> None:
        """Text without carriage returns, which may hold markers."""
        text, self.held = self.held + text, ""
        if self._swallow_newline and text:
            text = text.removeprefix("\n")
            self._swallow_newline = False
        position = 0
        while (start := text.find(markers.PREFIX, position)) >= 0:
            self.write(text[position:start])
            position = self._marker(text, start)
            if position < 0:
                return
        keep = _unfinished_prefix(text, position)
        self.write(text[position:keep])
        self.held = text[keep:]

    def release(self) -> None:
        """Nothing more can come that belongs to what is held: it is ordinary text."""
        held, self.held = self.held, ""
        self.write(held)

    def _marker(self, text: str, start: int) -> int:
        """Deal with the marker at `start`; returns where to go on, or -1 where its end has not come yet."""
        piece = text[start : start + markers.MAX_CHARS]
        reading = markers.read(piece)
        if reading:
            return self._found(text, start + reading.end, reading)
        if len(piece) < markers.MAX_CHARS and "]" not in piece and "\n" not in piece:
            self.held = piece
            return -1
        self.write(markers.PREFIX)
        return start + len(markers.PREFIX)

    def _found(self, text: str, end: int, reading: Reading) -> int:
        self.tell(self._bars.find("marker", "", 0).show(reading, ""))
        if not self.at_line_start:
            return end  # between other text: only the marker goes
        # The marker was all there was on its line: the line's end goes with it.
        if end == len(text):
            self._swallow_newline = True
        return end + (text[end : end + 1] == "\n")


def _unfinished_prefix(text: str, start: int) -> int:
    """Where the text's last characters may begin a marker; the text's length where they cannot."""
    for length in range(min(len(markers.PREFIX) - 1, len(text) - start), 0, -1):
        if text.endswith(markers.PREFIX[:length]):
            return len(text) - length
    return len(text)
