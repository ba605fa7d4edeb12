"""A database whose file is removed or replaced says so, to readers and writers, and stays lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from databases import empty_database

from gpurun_jupyter.core.home import Home
from gpurun_server.store.database import Database
from gpurun_server.store.presence import DatabaseLost


def read(database: Database) -> None:
    with database.read() as conn:
        conn.exec_driver_sql("SELECT count(*) FROM runs")


def write(database: Database) -> None:
    with database.write() as writing:
        writing.conn.exec_driver_sql("DELETE FROM notices")


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    other = path.with_name("other")
    shutil.copyfile(path, other)
    other.replace(path)


def remove_the_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def replace_the_log(path: Path) -> None:
    replace(path.with_name(f"{path.name}-wal"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.parametrize("first", [read, write])
@pytest.mark.parametrize("lose", [remove, replace, remove_the_log, replace_the_log])
def test_it_is_noticed_by_whoever_comes_first(
    home: Home, lose: Callable[[Path], None], first: Callable[[Database], None]
) -> None:
    database = empty_database(home)
    write(database)
    lose(home.database)
    for use in (first, read, write):
        with pytest.raises(DatabaseLost, match=r"gpurun\.db.* (removed|replaced)") as caught:
            use(database)
        assert "gpurun reindex" in caught.value.hint
    assert database.lost() is not None
    assert home.database.exists() == (lose is not remove)  # none is made in its place
    database.close()


def test_another_file_is_a_successor_once_it_can_be_used(home: Home, tmp_path: Path) -> None:
    database = empty_database(home)
    read(database)
    home.database.unlink()
    assert database.lost() is not None
    assert not database.has_successor()
    database.close()  # its inode is free again
    home.database.write_bytes(b"no database")
    assert not database.has_successor()
    home.database.unlink()
    empty_database(home).close()
    assert database.has_successor()
    with pytest.raises(DatabaseLost):
        read(database)
    database.close()


def test_one_that_is_there_stays_whole_through_all_its_connections(home: Home) -> None:
    database, other = empty_database(home), Database(home)
    for _ in range(3):
        write(database)
        read(other)
        other.close()
        read(database)
        database.close()
    assert database.lost() is None
    assert not database.has_successor()
    database.close()


def test_another_process_that_comes_and_goes_leaves_the_log_of_the_database(tmp_path: Path) -> None:
    """SQLite locks files by process: one that were opened and closed beside it would be without its locks."""
    database = empty_database(Home(tmp_path))
    look = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('CREATE TABLE more (x)').connection.close()"
    with database.read() as first:
        first.exec_driver_sql("SELECT * FROM runs").close()
        with database.read():  # a second connection
            subprocess.run([sys.executable, "-c", look, str(tmp_path / "gpurun.db")], check=True)
    assert (tmp_path / "gpurun.db-wal").exists()
    with database.write() as writing:
        writing.rings.add("work")
    database.close()
