"""The database: transactions that ring the doorbell after they are committed, on SQLite (WAL) or by URL."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.home import Home, tighten
from gpurun_jupyter.core.system.bells import ring
from gpurun_server.settings import DATABASE_VARIABLE
from gpurun_server.store.presence import REINDEX, DatabaseLost, Presence, told

#: The newest migration; a test holds it equal to what Alembic says.
SCHEMA = "0017"

#: What SQLAlchemy raises where the database cannot be reached, is shutting down, or is locked for too long.
OUTAGE = (sa.exc.OperationalError, sa.exc.InterfaceError)

#: A writer waits this long for another's transaction before SQLite gives up.
BUSY_TIMEOUT_MS = 30_000

#: The advisory lock that makes writers of PostgreSQL go one after another, as those of SQLite do by themselves.
_WRITER_LOCK = 7310392

#: WAL needs memory that all processes with the file map, which two machines cannot share.
_NETWORK_FILE_SYSTEMS = {
    "nfs",
    "nfs4",
    "cifs",
    "smbfs",
    "smb3",
    "afs",
    "lustre",
    "gpfs",
    "beegfs",
    "fuse.sshfs",
    "ceph",
}


_READ_ONLY = "readonly database"


@dataclass
class Writing:
    """A write transaction: its connection, the folders that belong to it, and what follows.

    `rings`: the bells to ring once it is committed. `if_undone`: what to do if it is undone.
    """

    conn: sa.Connection
    home: Home
    rings: set[str] = field(default_factory=set)
    if_undone: list[Callable[[], None]] = field(default_factory=list)
    finished: set[str] = field(default_factory=set)  # runs whose secrets are forgotten once it is committed


class Database:
    """The queue's database. `read` and `write` give transactions; a write is committed whole or not at all."""

    def __init__(self, home: Home, url: str | None = None) -> None:
        self.url = url or f"sqlite:///{home.database}"
        self._home = home
        self.engine = sa.create_engine(self.url)
        self._writers = self.engine.execution_options(gpurun_write=True)
        self._presence: Presence | None = None
        self._turn = threading.Lock()  # SQLite has who waits for a writer sleep, and look again by chance
        if self.engine.dialect.name == "sqlite":
            _refuse_network_file_system(home.path)
            # first: Presence looks for the log that WAL brings
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
            self._presence = Presence(self.engine)  # before the next: none is to be made in place of a lost file
            sa.event.listen(self.engine, "do_connect", lambda *_: _make_private(self.engine.url.database))
            # first: where a handler raises, no other is asked
            sa.event.listen(self.engine, "handle_error", _let_read_only_go)
        sa.event.listen(self.engine, "handle_error", self._failed)

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database."""
        with self.engine.begin() as conn:
            yield conn

    @contextlib.contextmanager
    def write(self) -> Iterator[Writing]:
        """A transaction that may change things: the only writer from its first moment."""
        with self._turn:
            transaction = self._begin()
            writing = Writing(transaction.connection, self._home)
            try:
                with transaction.connection, transaction:
                    if self.engine.dialect.name == "postgresql":
                        # before anything is read: each later statement sees what the writer before committed
                        writing.conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
                    yield writing
            except BaseException:  # a commit that fails comes by here, too
                for undo in writing.if_undone:
                    undo()
                raise
        # only now: a run whose end is undone needs them still; after a kill in between, `tidy` forgets them
        for run_id in writing.finished:
            self._home.secrets_of(run_id).unlink(missing_ok=True)
        if writing.rings:  # after the commit: whoever is woken looks at once
            ring(self._home.bells, *sorted(writing.rings))

    def _begin(self) -> sa.RootTransaction:
        """A writer's transaction; a connection that was opened while the disk was read-only stays so, and is let go."""
        conn = self._writers.connect()
        try:
            return conn.begin()
        except sa.exc.OperationalError as error:
            conn.close()
            if _READ_ONLY not in str(error.orig):
                raise
            return self._writers.connect().begin()  # a new one: that error has made all older ones invalid

    def lost(self) -> DatabaseLost | None:
        """What has become of the file, where this database is not to be used any more; looks whether it is there."""
        if self._presence is None:
            return None
        with contextlib.suppress(DatabaseLost):
            self._presence.look()
        return self._presence.lost

    def has_successor(self) -> bool:
        """Whether another file has been put in the place of this one, and can be used."""
        if self._presence is None or not self._presence.is_another():
            return False
        successor = Database(self._home, self.url)
        try:
            return successor.version() == SCHEMA  # which it has only once its migrations are committed
        except (StorageUnusable, sa.exc.SQLAlchemyError):
            return False
        finally:
            successor.close()

    def _failed(self, context: sa.ExceptionContext) -> None:
        """Say of a database that is not whole what to do about it, whoever asked it for what."""
        error = context.original_exception
        where = self.engine.url.database if self._presence else self.engine.url.render_as_string(hide_password=True)
        unusable = told(error, str(where)) or self.lost()  # whatever SQLite says of a file that is gone
        if unusable is None:
            return
        if self._presence is not None and isinstance(unusable, DatabaseLost):
            self._presence.lose(unusable)
        raise unusable from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def version(self) -> str | None:
        """The migration that the database is at; None for an empty one."""
        with self.read() as conn:
            if not sa.inspect(conn).has_table("alembic_version"):
                return None
            return str(conn.scalar(sa.text("SELECT version_num FROM alembic_version")))

    def is_missing(self) -> bool:
        """Whether SQLite's file is not there; whoever asks it for anything makes one."""
        return self._presence is not None and not Path(str(self.engine.url.database)).exists()

    def prepare(self) -> bool:
        """Bring the schema up to date, in a process of its own so that Alembic is not kept in memory.

        Returns whether the database was a new one. Raises StorageUnusable where that fails or it is of a newer gpurun.
        """
        found = self.version()
        if found == SCHEMA:
            return False
        if found is not None and found > SCHEMA:  # four digits each: as texts they compare like numbers
            raise StorageUnusable(
                f"The database is of a newer gpurun (schema {found}, this one knows {SCHEMA}).",
                "Upgrade gpurun-jupyter, or name another state directory with GPURUN_HOME. Or move the database away: "
                f"{REINDEX}.",
            )
        # the URL by the environment: it may hold a password, and everybody can read a command line
        command, env = [sys.executable, "-m", "gpurun_server", "migrate"], {**os.environ, DATABASE_VARIABLE: self.url}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StorageUnusable(f"The database could not be brought up to date:\n{done.stderr.strip()[-2000:]}")
        return found is None


def _refuse_network_file_system(path: Path) -> None:
    # without `all`, those of the network are left out
    mounts = [part for part in psutil.disk_partitions(all=True) if path.is_relative_to(part.mountpoint)]
    nearest = max(mounts, key=lambda part: len(part.mountpoint), default=None)
    if nearest and nearest.fstype in _NETWORK_FILE_SYSTEMS:
        raise StorageUnusable(
            f"{path} lies on a network file system ({nearest.fstype}), where SQLite loses data.",
            "Set GPURUN_HOME to a local directory, or GPURUN_DB to a PostgreSQL URL.",
        )


def _make_private(path: str | None) -> None:
    """Have the file there before SQLite makes it: those beside it, -wal and -shm, get its mode.

    One that is there is not opened: closing it would let go of the locks that this process has on it.
    """
    if not path or path == ":memory:":
        return
    with contextlib.suppress(OSError):  # SQLite says better what is wrong
        if not Path(path).exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        for ending in ("", "-wal", "-shm"):
            tighten(Path(path + ending))


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",  # with WAL, a power cut costs the last commits at most, never the file
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",  # SQLite does not look at them unless it is told to
    ):
        connection.execute(f"PRAGMA {pragma}")


def _let_read_only_go(context: Any) -> None:
    """A connection that was made while the disk was read-only would stay so when the disk no longer is."""
    if _READ_ONLY in str(context.original_exception):
        context.is_disconnect = True


def _begin_sqlite(conn: sa.Connection) -> None:
    writing = conn.get_execution_options().get("gpurun_write")
    # who has read first can be refused the write at once, however long `busy_timeout` is
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
