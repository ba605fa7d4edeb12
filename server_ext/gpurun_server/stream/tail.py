"""Following a run's log over its attempts, from a cursor on."""

from __future__ import annotations

from gpurun_jupyter.core.events import Cursor
from gpurun_jupyter.core.home import Home
from gpurun_server.store.logs import read_lines

_CHUNK_BYTES = 256 * 1024


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
