"""Following a run's log over its attempts, from a cursor on or from its last lines on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gpurun_jupyter.core.errors import NoSuchPlace
from gpurun_jupyter.core.events import START_OF_LOG, Cursor, sound_part
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.records import open_plain
from gpurun_server.store.folders.logs import Before, ends_line, newlines, read_lines

_CHUNK_BYTES = 256 * 1024
#: However long its lines are, so much of a log is read at most to find the last ones.
_LONGEST_TAIL_BYTES = 8 * 2**20


class Tail:
    """A place in a run's log that moves on as it is read, up to `end` if there is one. The log is the only buffer."""

    def __init__(self, home: Home, run_id: str, cursor: Cursor, end: Cursor | None = None) -> None:
        self._home = home
        self._run_id = run_id
        self._end = end
        self.cursor = cursor

    def read(self) -> list[bytes]:
        """The next whole lines, some hundred kilobytes at most; an empty list where there is nothing new yet.

        Each is an event: what is none is passed over.
        """
        while self._end is None or self.cursor < self._end:
            before = self.cursor
            lines = self._read_here()
            if lines:
                return lines
            if self.cursor == before and not self._go_on_to_next():  # else nothing of what was read was sound
                break
        return []

    def _read_here(self) -> list[bytes]:
        attempt, offset = self.cursor
        log = self._home.attempt(self._run_id, attempt).events
        until_end = _CHUNK_BYTES if self._end is None or self._end.attempt != attempt else self._end.offset - offset
        lines, offset = read_lines(log, offset, min(_CHUNK_BYTES, until_end))
        self.cursor = Cursor(attempt, offset)
        return [sound for line in lines if (sound := sound_part(line)) is not None]

    def _go_on_to_next(self) -> bool:
        following = self._home.run(self._run_id).logged_after(self.cursor.attempt)
        if following is not None:
            self.cursor = Cursor(following, 0)
        return following is not None


def place_in_log(home: Home, run_id: str, newest: int, cursor: Cursor) -> Cursor:
    """The cursor, if a line of the log begins there, or will. `newest` is the run's attempt, 0 before the first.

    Raises NoSuchPlace, also where the log is shorter by now, because it was pruned or damaged.
    """
    # before its first attempt a run is watched from 1:0 on
    if cursor.attempt > max(1, newest) or not _begins_line(home.attempt(run_id, cursor.attempt).events, cursor.offset):
        raise NoSuchPlace(f"The run's log has no line that begins at {str(cursor)!r}.", f"Begin at {START_OF_LOG}.")
    return cursor


def _begins_line(log: Path, offset: int) -> bool:
    if offset == 0:
        return True  # also where there is no log yet
    try:
        with open_plain(log) as file:
            file.seek(offset - 1)
            return file.read(1) == b"\n"
    except FileNotFoundError:
        return False


def last_lines(home: Home, run_id: str, count: int, end: Cursor | None = None) -> Cursor:
    """The place from which on the run has printed about `count` lines, at least that many where it has.

    Where an end is given: before that place.
    """
    for attempt in reversed(_logged(home, run_id)):
        if end is not None and attempt > end.attempt:
            continue
        until = end.offset if end is not None and attempt == end.attempt else None
        offset, found = _from_the_end(home.attempt(run_id, attempt).events, count, until)
        if found >= count or offset:  # an offset alone: the limit of what is read was met
            return Cursor(attempt, offset)
        count -= found
    return START_OF_LOG


def before(home: Home, run_id: str, place: Cursor) -> Before:
    """What stands in the log before a place. Reads all of that: for a thread."""
    found, tail = Before(), Tail(home, run_id, START_OF_LOG, place)
    while lines := tail.read():
        for line in lines:
            found.take(line)
    return found


def _logged(home: Home, run_id: str) -> list[int]:
    """The attempts that have a log."""
    folder, found = home.run(run_id), list[int]()
    while following := folder.logged_after(found[-1] if found else 0):
        found.append(following)
    return found


def _from_the_end(log: Path, count: int, end: int | None) -> tuple[int, int]:
    """The offset of the event from which on at least `count` lines were printed, and how many there are.

    One event at least, however long it is.
    """
    try:
        with open_plain(log) as file:
            size, span = file.seek(0, os.SEEK_END) if end is None else end, _CHUNK_BYTES
            while True:
                begin = max(0, size - span)
                offset, found = _walk_back(file, begin, size, count)
                if found >= count or begin == 0 or (span >= _LONGEST_TAIL_BYTES and offset < size):
                    return offset, found
                span *= 4  # in few steps: each reads again what the one before read
    except FileNotFoundError:
        return 0, 0


def _walk_back(log: BinaryIO, begin: int, end: int, count: int) -> tuple[int, int]:
    """The same within a stretch of the log; a line that is cut by its beginning is left out.

    It begins where a line of the output does: whoever puts in front what came before has no seam in a line.
    """
    log.seek(begin)
    data = log.read(end - begin)
    first = data.find(b"\n") + 1 if begin else 0
    offset, found = begin + data.rfind(b"\n") + 1, 0  # what has no newline yet is still being written
    for line in _backwards(data[first : data.rfind(b"\n") + 1]):
        if found >= count and ends_line(line):
            break
        offset -= len(line) + 1
        found += newlines(line)
    return offset, found


def _backwards(data: bytes) -> Iterator[bytes]:
    return reversed(data.split(b"\n")[:-1])
