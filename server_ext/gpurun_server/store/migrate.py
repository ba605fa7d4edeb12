"""Migrations, run as `python -m gpurun_server migrate URL`; several processes may start it at once."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

MIGRATIONS = Path(__file__).with_name("migrations")


def config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration, without an ini file."""
    alembic = Config()
    alembic.set_main_option("script_location", str(MIGRATIONS))
    alembic.attributes["connection"] = connection
    return alembic


def migrate(url: str) -> None:
    """Bring the database at `url` to the newest schema, in one transaction that excludes other migrations."""
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        if engine.dialect.name == "sqlite":
            conn.connection.isolation_level = None  # type: ignore[attr-defined]
            conn.exec_driver_sql("PRAGMA busy_timeout=60000")  # another process may be at its own migration
            conn.exec_driver_sql("PRAGMA journal_mode=WAL")  # cannot be done within a transaction
            conn.exec_driver_sql("BEGIN IMMEDIATE")  # who comes second waits here, then finds nothing left to do
        else:
            conn.exec_driver_sql("SELECT pg_advisory_xact_lock(7310391)")
        command.upgrade(config(conn), "head")
        if engine.dialect.name == "sqlite":
            conn.exec_driver_sql("COMMIT")
        conn.commit()
