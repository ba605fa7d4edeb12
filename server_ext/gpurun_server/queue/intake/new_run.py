"""Runs of other tools become ours: a folder and a row, both or neither."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from gpurun_jupyter.core.errors import WrongState
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_server.queue.intake.rebuilding import FILES_AGENT, take_up
from gpurun_server.queue.lifecycle.transitions import touch
from gpurun_server.queue.upkeep.deletion import forget_runs
from gpurun_server.store.database import Database, Writing
from gpurun_server.store.folders.records import RunRecord, write
from gpurun_server.store.queries import by_id

#: What a person may have changed of a run since it was imported.
_OF_THE_PERSON = ("project", "tags_json")


@contextlib.contextmanager
def new_run(
    home: Home, database: Database, record: RunRecord, is_known: Callable[[sa.Connection], bool] | None = None
) -> Iterator[AttemptFolder]:
    """The folder of an attempt, for a log and files; when those are there, the run is.

    Raises WrongState where by then it `is_known`: two imports of one thing go on at once.
    """
    folder = home.attempt(record.id, 1)
    try:
        write(home.run(record.id), record)
        folder.path.mkdir(mode=0o700, parents=True)
        yield folder
        with database.write() as writing:
            if is_known is not None and is_known(writing.conn):
                raise WrongState("It has just been imported by somebody else.")
            take_up(writing, home, record, by=FILES_AGENT)
    except BaseException:  # no row, no folder: it is imported another time
        shutil.rmtree(home.run(record.id).path, ignore_errors=True)
        raise


@contextlib.contextmanager
def run_anew(home: Home, database: Database, record: RunRecord) -> Iterator[AttemptFolder]:
    """The same for a run that is there and has changed where it came from: it gets another log and other files.

    Its id stays, and so do the project and the tags that it has here. Raises WrongState if it was deleted meanwhile.
    """
    run, there = home.run(record.id), home.attempt(record.id, 1).path
    beside, before = there.with_name(".new"), there.with_name(".before")  # by these names no attempt is called
    try:
        for path in (beside, before):
            shutil.rmtree(path, ignore_errors=True)  # of an import that was killed
        beside.mkdir(mode=0o700, parents=True)
        yield AttemptFolder(beside)
        with database.write() as writing:
            _put_in_place(writing, there, beside, before)
            _take_up_anew(writing, home, record)
        write(run, record)
        run.pruned.unlink(missing_ok=True)
    finally:
        for path in (beside, before):
            shutil.rmtree(path, ignore_errors=True)


def _put_in_place(writing: Writing, there: Path, beside: Path, before: Path) -> None:
    def undo() -> None:
        if before.exists():
            shutil.rmtree(there, ignore_errors=True)
            before.rename(there)

    writing.if_undone.append(undo)
    if there.exists():
        there.rename(before)
    beside.rename(there)


def _take_up_anew(writing: Writing, home: Home, record: RunRecord) -> None:
    row = by_id(writing.conn, record.id)
    if row is None or row.deleted_at is not None:
        raise WrongState("It was deleted meanwhile.")
    forget_runs(writing.conn, {row.seq: row.id})
    take_up(writing, home, record, by=FILES_AGENT)
    touch(writing, record.id, **{name: getattr(row, name) for name in _OF_THE_PERSON})
