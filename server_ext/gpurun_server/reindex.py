"""`python -m gpurun_server reindex HOME`: the database again, from the folders of the runs."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import sqlalchemy as sa

from gpurun_jupyter.core.errors import GpurunError, WrongState
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.system.bells import listeners
from gpurun_jupyter.core.system.locks import locked
from gpurun_server.queue.intake.rebuilding import take_up
from gpurun_server.store.database import OUTAGE, SCHEMA, Database
from gpurun_server.store.folders.records import RunRecord, read
from gpurun_server.store.presence import DatabaseLost
from gpurun_server.store.queries import by_id
from gpurun_server.store.tables import data_sets, metadata, models, runs

_LEAVE = "Stop the Jupyter server, then end the process whose number is in agent.json; runs that are at work go on."


def main(argv: list[str]) -> int:
    """Rebuild, and say in sentences what came back; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gpurun_server reindex", description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--database", help="a database URL; default: GPURUN_DB, else SQLite in HOME")
    options = parser.parse_args(argv)
    try:
        for sentence in reindexed(Home(options.home), options.database or os.environ.get("GPURUN_DB") or None):
            print(sentence)
    except GpurunError as error:
        print(error, file=sys.stderr)
        return 1
    except OUTAGE as error:
        print(f"The database does not answer: {error.orig}.", file=sys.stderr)
        return 1
    return 0


def reindexed(home: Home, url: str | None = None) -> Iterator[str]:
    """Add every run whose folder is there and that the database lacks; yields what there is to say. Raises GpurunError.

    A database that cannot be read is put aside first: who has it open notices, and takes the new one. While a server or
    an agent is at work here, only an empty database is filled: what they know of one that holds runs, they know from
    memory.
    """
    if not home.runs.is_dir():
        raise WrongState(f"{home.path} is no state directory: it has no folder `runs`.", "Name another.")
    home.create()
    with _agent_kept_away(home) as alone:
        database = Database(home, url)
        if is_damaged(database):
            yield _put_aside(Path(str(database.engine.url.database)))
            database = Database(home, url)  # one that was lost stays so, whatever lies there
        database.prepare()
        if not alone and not _is_empty(database):
            raise WrongState("A server or an agent is at work here, on a database that holds runs.", _LEAVE)
        yield from _rebuild(home, database)
        database.close()


def is_damaged(database: Database) -> bool:
    """Whether SQLite cannot read its file, finds that it contradicts itself, or misses tables."""
    if database.engine.dialect.name != "sqlite":
        return False
    try:
        with database.read() as conn:
            if conn.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":  # 1: the first fault will do
                return True
            there = metadata.tables.keys() & set(sa.inspect(conn).get_table_names())
        version = database.version()
        # where a migration is due, tables may lack; without a version there must be none at all
        return (version is None and bool(there)) or (version == SCHEMA and there < metadata.tables.keys())
    except DatabaseLost:
        return True
    finally:
        database.close()


def _rebuild(home: Home, database: Database) -> Iterator[str]:
    records, broken = _records(home)
    yield from broken
    states: Counter[State | None] = Counter()
    with database.read() as conn:
        known = set(conn.scalars(sa.select(runs.c.id)))
    for one in records:
        try:
            states[_taken_up(home, database, one, known)] += 1
        except (GpurunError, OSError, ValueError, OverflowError, sa.exc.IntegrityError) as error:
            yield f"{home.run(one.id).path} is left out: {type(error).__name__}: {error}"
    there, held = states.pop(None, 0), states.pop(State.CREATED, 0)
    live = sum(states.values()) - states[State.FINISHED]
    yield f"{states.total() + held} runs are back, {live} of them at work; {there} were there already."
    if deleted := sum(home.run(one.id).deleted.exists() for one in records):
        yield f"{deleted} of them had been deleted, and are so still: that can be taken back for ten minutes."
    if held:
        yield f"{held} had not begun, or were cancelled before: they are on hold, and `gpurun start RUN` queues one."
    yield from _not_rebuilt(database)


def _records(home: Home) -> tuple[list[RunRecord], list[str]]:
    """The records of all runs, oldest first, and a sentence for each that cannot be read."""
    found, broken = [], []
    for path in sorted(home.runs.iterdir()):
        try:
            one = read(home.run(path.name))
            if one.id != path.name:
                raise ValueError(f"it is of run {one.id}")
            found.append(one)
        except (OSError, ValueError) as error:
            broken.append(f"{path}/run.json is left out: {error}")
    return sorted(found, key=lambda one: one.created_at), broken


def _taken_up(home: Home, database: Database, one: RunRecord, known: Collection[str]) -> State | None:
    """The state of a run that was added; None for one that was `known`."""
    with database.write() as writing:
        if (row := by_id(writing.conn, one.id)) is not None:
            return None if one.id in known else State(row.state)  # a nested run comes with its parent
        # a server at work may have deleted it since the records were read
        if not home.run(one.id).record.exists():
            return None
        return take_up(writing, home, one)


def _not_rebuilt(database: Database) -> Iterator[str]:
    with database.read() as conn:
        empty = [
            name
            for name, table in (("models", models), ("data sets", data_sets))
            if not conn.scalar(sa.select(sa.func.count()).select_from(table))
        ]
    if empty:
        yield (
            f"There are no {' and no '.join(empty)}: their names are in no folder. Models that a run saved itself come "
            "back with it if their files are there; register and upload the others again."
        )


def _is_empty(database: Database) -> bool:
    with database.read() as conn:
        return conn.execute(sa.select(runs.c.seq).limit(1)).first() is None


def _put_aside(path: Path) -> str:
    """Give the damaged file another name, with what SQLite keeps beside it."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for ending in ("", "-wal", "-shm"):  # a log left behind would be taken for the new file's
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    return f"The database is damaged; it is {aside.name} now."


@contextlib.contextmanager
def _agent_kept_away(home: Home) -> Iterator[bool]:
    """Hold the agent's lock if it is free; whether it was, and no server listens either."""
    lock = os.open(home.agent_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield locked(lock) and not listeners(home.bells, "server")  # held meanwhile: no agent begins half way
    finally:
        os.close(lock)
