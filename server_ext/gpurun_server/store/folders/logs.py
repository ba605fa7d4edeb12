"""What can be read from a run's log besides its events: the text it printed, and what stands before a place."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from gpurun_jupyter.core import events
from gpurun_jupyter.core.curves import Curve
from gpurun_jupyter.core.events import LONGEST_LINE_BYTES
from gpurun_jupyter.core.system.records import UNREADABLE, open_plain
from gpurun_jupyter.core.texts import Texts, text_of

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_OUTPUT = b'{"kind":"output"'
_DISPLAY, _WITH_ID = b'{"kind":"display"', b'"display_id":'
#: Enough of a log's end to hold a whole line; output is cut into pieces of this size.
_TAIL_BYTES = 256 * 1024
#: Moves of the cursor, as JSON writes them: what has them may show fewer lines than it has newlines.
_MOVES = re.compile(rb"\\u001b(?:\[\d*[ABEFHJf]|c)")


class Lines(Protocol):
    """A log that gives whole lines until there are no more."""

    def read(self) -> list[bytes]:
        """The next lines."""


def read_lines(log: Path, offset: int, chunk_bytes: int) -> tuple[list[bytes], int]:
    """Whole lines from a byte offset on, and the offset after them; about `chunk_bytes`, more for a longer line.

    They are as they stand there: what damage has no newline for long comes in pieces.
    """
    try:
        with open_plain(log) as file:
            begin = _after_hole(file, offset)
            file.seek(begin)
            data = file.read(chunk_bytes)
            if b"\n" not in data:
                data += file.readline(max(0, LONGEST_LINE_BYTES - len(data)))
    except FileNotFoundError:
        return [], offset
    if len(data) < LONGEST_LINE_BYTES:  # else it is damage without an end, which has to be got past
        data = data[: data.rfind(b"\n") + 1]
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    # an empty line stands for the hole: it is no event, so readers take it for damage
    return [b"", *lines] if begin > offset else lines, begin + len(data)


def _after_hole(file: BinaryIO, offset: int) -> int:
    """The first byte from there on that was written: a file may have been made longer than what is in it."""
    if not hasattr(os, "SEEK_DATA"):
        return offset
    try:
        return os.lseek(file.fileno(), offset, os.SEEK_DATA)
    except OSError:  # there is none
        return max(offset, os.fstat(file.fileno()).st_size)


class _Moment(msgspec.Struct):
    m: float = 0.0


def with_duration(end: events.End, log: Path) -> events.End:
    """The end with how long its attempt took: as the last readable line of its log says, where it is unknown."""
    return end if end.m else msgspec.structs.replace(end, m=_last_moment(log))


def _last_moment(log: Path) -> float:
    try:
        with open_plain(log) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return 0.0
    for line in reversed(lines):
        with contextlib.suppress(*UNREADABLE):
            return msgspec.json.decode(line, type=_Moment).m
    return 0.0


@dataclass
class Before:
    """What stands in a log before the place from which on it is shown.

    `lines` were printed (not `exact` where the cursor was moved about), `shown` displays, values and errors have
    `shown_lines` lines as text, those with the ids `said` among them; then the curve of each metric, and the last of
    `checkpoints` checkpoints.
    """

    lines: int = 0
    exact: bool = True
    shown: int = 0
    shown_lines: int = 0
    said: set[str] = field(default_factory=set)
    curves: dict[str, Curve] = field(default_factory=dict)
    checkpoints: int = 0
    checkpoint: events.Checkpoint | None = None

    def __post_init__(self) -> None:
        self._texts = Texts()  # no field: it is not told
        self._texts.said = self.said

    def take(self, line: bytes) -> None:
        """Count a line of the log."""
        if line.startswith(_OUTPUT):
            self.lines += newlines(line)
            self.exact = self.exact and not (b"\\u001b" in line and _MOVES.search(line))
        else:
            self._take_event(events.event_on(line))

    def _take_event(self, event: events.AnyEvent | None) -> None:
        if isinstance(event, events.Metric):
            for name in event.anew:
                self.curves.pop(name, None)
            for name, value in event.values.items():
                self.curves.setdefault(name, Curve()).add(value)
        elif isinstance(event, events.Checkpoint):
            self.checkpoints, self.checkpoint = self.checkpoints + 1, event
        elif isinstance(event, events.Clear):
            self.lines = self.shown_lines = 0
        elif isinstance(event, events.Start) and event.attempt > 1:
            self.curves.clear()
            self.lines += 2  # the line that says so, and an empty one
        elif isinstance(event, (events.Display, events.Result, events.Error)):
            self.shown += not (isinstance(event, events.Display) and event.update)
            self.shown_lines += self._texts.of(event).count("\n")


def newlines(line: bytes) -> int:
    """How many newlines were printed by an event, from its JSON as it stands in the log; 0 unless it is output."""
    if not line.startswith(_OUTPUT):
        return 0
    # a backslash that was printed before an n is no newline
    return line.replace(b"\\\\", b"").count(b"\\n") if b"\\\\" in line else line.count(b"\\n")


def ends_line(line: bytes) -> bool:
    """Whether what comes after this line of the log begins a line of the output, as far as this one tells."""
    return not line.startswith(_OUTPUT) or line.endswith(b'\\n"}')


def printed_text(log: Lines) -> Iterator[str]:
    """What the run printed, in order; of displayed objects the plain text, of errors the traceback without colours.

    A display that is updated is there once, as it is at the end of the log.
    """
    for lines in lines_with_texts(log):
        yield "".join(text for _, text in lines)


def lines_with_texts(log: Lines) -> Iterator[list[tuple[bytes, str]]]:
    """The lines of a log, as many as come at once, each with the text that it stands for."""
    latest: dict[str, str] = {}
    texts, looked_ahead = Texts(latest), False
    while lines := log.read():
        if not looked_ahead and any(line.startswith(_DISPLAY) and _WITH_ID in line for line in lines):
            looked_ahead = True
            _look_ahead(latest, lines, copy(log))  # a copy: this reader goes on from here
        yield [(line, _text_of(texts, line)) for line in lines]


def _look_ahead(latest: dict[str, str], lines: list[bytes], log: Lines) -> None:
    """Put the last text of each display into `latest`."""
    while lines:
        for line in lines:
            event = events.event_on(line) if line.startswith(_DISPLAY) and _WITH_ID in line else None
            if isinstance(event, events.Display) and event.display_id and (not event.data or text_of(event)):
                latest[event.display_id] = text_of(event)
        lines = log.read()


def _text_of(texts: Texts, line: bytes) -> str:
    event = events.event_on(line)
    text = texts.of(event)
    return _COLOURS.sub("", text) if isinstance(event, events.Error) else text
