"""Whether SQLite still has its file: one that is removed, replaced or damaged under it is noticed and refused.

SQLite goes on without a word in a file that has no name any more, and everything is lost when the last process closes
it. So each transaction looks whether the path leads to the file that its connection has open: two calls of `stat`.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.errors import StorageUnusable

REINDEX = "`gpurun reindex` builds it again from the folders of the runs"
_HINT = f"{REINDEX}; runs that are at work go on. Then restart Jupyter, should it not notice by itself."

#: What SQLite says of a file that it cannot understand. (Result codes are in the exceptions from Python 3.11 on.)
_DAMAGE = ("malformed", "file is not a database", "file is encrypted")
#: What SQLite and PostgreSQL say where tables have been dropped: SQLSTATE undefined_table and invalid_schema_name.
_NO_TABLE, _DROPPED = "no such table", ("42P01", "3F000")

_Place = tuple[int, int] | None


class DatabaseLost(StorageUnusable):
    """Raised when the database's file is not, or no longer, there for use: removed, replaced or damaged."""


class Presence:
    """The file of one engine, watched; `lost` says what has become of it, once something has."""

    def __init__(self, engine: sa.Engine) -> None:
        self._path = str(engine.url.database)
        self._place: _Place = None  # device and inode, once it is open
        self._is_gone = False
        self.lost: DatabaseLost | None = None
        sa.event.listen(engine, "do_connect", self._before_connecting)
        sa.event.listen(engine, "connect", self._connected)
        sa.event.listen(engine, "begin", self._begin)

    def look(self) -> None:
        """Look whether the file that was opened is there. Raises DatabaseLost, then for good."""
        if self.lost is None and self._place is not None and (now := _place_of(self._path)) != self._place:
            self._is_gone = True
            self.lose(_gone(self._path, now))
        if self.lost is not None:
            raise self.lost

    def lose(self, lost: DatabaseLost) -> None:
        """Use the file no more."""
        self.lost = self.lost or lost

    def is_another(self) -> bool:
        """Whether there is another file in the place of the one that was opened.

        Once that is closed, a new one may get its inode; it was gone before, then.
        """
        now = _place_of(self._path)
        return now is not None and (self._is_gone or self._place not in (None, now))

    def _before_connecting(self, *_: Any) -> None:
        self.look()  # else SQLite would make an empty one

    def _connected(self, connection: Any, record: Any) -> None:
        connection.execute("SELECT 1 FROM sqlite_master").close()  # has it open the log that it writes ahead
        record.info["wal"] = _place_of(f"{self._path}-wal")
        self._place = self._place or _place_of(self._path)  # of the first connection: all others have to have the same
        self.look()

    def _begin(self, conn: sa.Connection) -> None:
        self.look()
        wal = conn.connection.info["wal"]
        if wal is not None and (now := _place_of(f"{self._path}-wal")) != wal:  # it stays while anybody has it open
            self.lose(_gone(f"{self._path}-wal", now))
            self.look()


def told(error: BaseException, where: str) -> StorageUnusable | None:
    """What is to be said of an error of a driver that speaks of a database that is not whole; None for another."""
    says = str(error).strip().partition("\n")[0]
    if isinstance(error, sqlite3.DatabaseError) and any(words in says for words in _DAMAGE):
        return DatabaseLost(f"The database {where} is damaged: {says}.", f"{REINDEX}, and puts the damaged file aside.")
    if getattr(error, "sqlstate", None) in _DROPPED or says.startswith(_NO_TABLE):
        hint = f"Put it back from a backup, or remove what is left of it: {REINDEX}. Then restart Jupyter."
        return StorageUnusable(f"The database {where} has lost tables: {says}.", hint)
    return None


def _gone(path: str, now: _Place) -> DatabaseLost:
    what = "removed" if now is None else "replaced"
    return DatabaseLost(f"The database {path} was {what} while gpurun was using it.", _HINT)


def _place_of(path: str) -> _Place:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked for in each transaction
    except OSError:
        return None
    return found.st_dev, found.st_ino
