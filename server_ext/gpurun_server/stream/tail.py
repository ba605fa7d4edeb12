"""Following a run's log over its attempts, from a cursor on or from its last lines on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gpurun_jupyter.core.errors import NoSuchPlace
from gpurun_jupyter.core.events import START_OF_LOG, Cursor
from gpurun_jupyter.core.home import Home
from gpurun_server.store.folders.logs import Before, newlines, read_lines

_CHUNK_BYTES = 256 * 1024
#: However long its lines are, so much of a log is read at most to find the last ones.
_LONGEST_TAIL_BYTES = 8 * 2**20


class Tail:
    """A place in a run's log that moves on as it is read. The log is the only buffer there is."""

    def __init__(self, home: Home, run_id: str, cursor: Cursor) -> None:
        self._home = home
        self._run_id = run_id
        self.cursor = cursor

    def read(self) -> list[bytes]:
        """The next whole lines, some hundred kilobytes at most; an empty list where there is nothing new yet."""
        lines = self._read_here()
        while not lines and (following := self._home.run(self._run_id).logged_after(self.cursor.attempt)):
            self.cursor = Cursor(following, 0)
            lines = self._read_here()
        return lines

    def _read_here(self) -> list[bytes]:
        log = self._home.attempt(self._run_id, self.cursor.attempt).events
        lines, offset = read_lines(log, self.cursor.offset, _CHUNK_BYTES)
        self.cursor = Cursor(self.cursor.attempt, offset)
        return lines


def place_in_log(home: Home, run_id: str, newest: int, cursor: Cursor) -> Cursor:
    """The cursor, if a line of the log begins there, or will. `newest` is the run's attempt, 0 before the first.

    Raises NoSuchPlace, also where the log is shorter by now, because it was pruned or damaged.
    """
    if cursor.attempt > max(1, newest) or not _begins_line(home.attempt(run_id, cursor.attempt).events, cursor.offset):
        raise NoSuchPlace(f"The run's log has no line that begins at {str(cursor)!r}.", f"Begin at {START_OF_LOG}.")
    return cursor


def _begins_line(log: Path, offset: int) -> bool:
    if offset == 0:
        return True
    try:
        with log.open("rb") as file:
            file.seek(offset - 1)
            return file.read(1) == b"\n"
    except FileNotFoundError:
        return False


def last_lines(home: Home, run_id: str, count: int) -> Cursor:
    """The place from which on the run has printed about `count` lines, at least that many where it has."""
    logged, place = _logged(home, run_id), START_OF_LOG
    for attempt in reversed(logged):
        offset, found = _from_the_end(home.attempt(run_id, attempt).events, count)
        place = Cursor(attempt, offset)
        if found >= count or offset:
            return place
        count -= found
    return START_OF_LOG


def before(home: Home, run_id: str, place: Cursor) -> Before:
    """What stands in the log before a place. Reads all of that: for a thread."""
    found, tail = Before(), Tail(home, run_id, START_OF_LOG)
    while tail.cursor < place and (lines := tail.read()):
        if tail.cursor > place:
            lines = _up_to(lines, tail.cursor, place)
        for line in lines:
            found.take(line)
    return found


def _up_to(lines: list[bytes], after: Cursor, place: Cursor) -> list[bytes]:
    """Those of the lines read last, which end at `after`, that stand before the place."""
    if after.attempt > place.attempt:
        return []
    over = after.offset - place.offset
    while over > 0:
        over -= len(lines.pop()) + 1
    return lines


def _logged(home: Home, run_id: str) -> list[int]:
    """The attempts that have a log."""
    folder, found = home.run(run_id), list[int]()
    while following := folder.logged_after(found[-1] if found else 0):
        found.append(following)
    return found


def _from_the_end(log: Path, count: int) -> tuple[int, int]:
    """The offset of the event from which on at least `count` lines were printed, and how many there are."""
    size = log.stat().st_size
    span = _CHUNK_BYTES
    while True:
        begin = max(0, size - span)
        offset, found = _walk_back(log, begin, size, count)
        if found >= count or begin == 0 or span >= _LONGEST_TAIL_BYTES:
            return offset, found
        span *= 4


def _walk_back(log: Path, begin: int, end: int, count: int) -> tuple[int, int]:
    """The same within a stretch of the log; a line that is cut by its beginning is left out."""
    with log.open("rb") as file:
        file.seek(begin)
        data = file.read(end - begin)
    first = data.find(b"\n") + 1 if begin else 0
    offset, found = begin + data.rfind(b"\n") + 1, 0
    for line in _backwards(data[first : data.rfind(b"\n") + 1]):
        if found >= count:
            break
        offset -= len(line) + 1
        found += newlines(line)
    return offset, found


def _backwards(data: bytes) -> Iterator[bytes]:
    return reversed(data.split(b"\n")[:-1])
