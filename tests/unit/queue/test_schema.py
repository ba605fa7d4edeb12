"""The database: the migrations make the tables that the code knows, and other versions are refused or brought up."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.home import Home
from gpurun_server.store.database import SCHEMA, Database
from gpurun_server.store.migrate import config
from gpurun_server.store.tables import metadata


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def test_the_newest_migration_is_the_one_the_code_expects() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == SCHEMA


def test_migrations_make_the_tables(home: Home) -> None:
    database = Database(home)
    database.prepare()
    with database.read() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []
        assert conn.scalar(sa.text("PRAGMA journal_mode")) == "wal"
    database.prepare()
    database.close()


def test_numbers_of_deleted_lines_of_the_history_never_come_again(home: Home) -> None:
    database = Database(home)
    with database.engine.begin() as conn:
        command.upgrade(config(conn), "0012")
        conn.exec_driver_sql("INSERT INTO notices VALUES ('of lines that were deleted', 7)")
    database.prepare()
    with database.read() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []
        assert conn.scalar(sa.text("SELECT told FROM notices")) == 0
        assert "AUTOINCREMENT" in str(conn.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'history'")))
    database.close()


def test_a_database_of_a_newer_gpurun_is_refused(home: Home) -> None:
    database = Database(home)
    database.prepare()
    with database.write() as writing:
        writing.conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageUnusable, match="newer gpurun"):
        database.prepare()
    database.close()


def test_a_failed_change_leaves_nothing(home: Home) -> None:
    database = Database(home)
    database.prepare()

    def broken() -> None:
        with database.write() as writing:
            writing.conn.execute(sa.text("UPDATE revisions SET latest = 5"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    with database.read() as conn:
        assert conn.scalar(sa.text("SELECT latest FROM revisions")) == 0
    database.close()
