"""Deleting runs: hidden at once, gone with all that they left after a while in which that can be taken back."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Mapping

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.errors import RunNotFound, WrongState
from gpurun_jupyter.core.home import Home, RunFolder, write_json
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.system.records import read_record
from gpurun_server.queue.lifecycle.transitions import touch
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import find
from gpurun_server.store.room import reserve_of
from gpurun_server.store.statements import KEY, one_run
from gpurun_server.store.summaries import forget
from gpurun_server.store.tables import attempts, history, predecessors, runs


class _Mark(msgspec.Struct):
    at: float  # seconds since the epoch


#: How long a deleted run can be restored, seconds.
UNDO_S = 600.0


def delete(writing: Writing, reference: str, *, by: str) -> str:
    """Delete a run of one's own; returns its id. Its folder says so too, for a database that is built from it again.

    Raises RunNotFound, AmbiguousRun, and WrongState if it is not over.
    """
    run = find(writing.conn, reference, by)
    if State(run.state) is not State.FINISHED:
        raise WrongState(f"Run {run.name} ({run.id}) is {run.state}.", "Cancel it first.")
    now, folder = time.time(), writing.home.run(run.id)
    touch(writing, run.id, deleted_at=now)
    # before there is a mark: the commit is still to come, and may fail
    writing.if_undone.append(lambda: _unmark(folder))
    _mark(folder, now)
    return str(run.id)


def restore(writing: Writing, run_id: str, *, by: str) -> str:
    """Take back that a run was deleted. Raises RunNotFound, also where it is too late."""
    # not by `find`, which knows no deleted runs
    run = writing.conn.execute(one_run, {KEY: run_id}).first()
    if run is None or run.owner != by:
        raise RunNotFound(f"There is no run {run_id!r} any more.", "Deleted runs are kept for ten minutes.")
    if run.deleted_at is not None:
        touch(writing, run_id, deleted_at=None)
        folder, deleted_at = writing.home.run(run_id), run.deleted_at
        writing.if_undone.append(lambda: _mark(folder, deleted_at))
        _unmark(folder)
    return run_id


def delete_for_good(writing: Writing, reference: str, *, by: str) -> tuple[str, list[str]]:
    """Delete a run where room is short: it and what else the same person has deleted cannot be restored.

    Returns its id, and the ids of all that is gone, whose folders are the caller's to remove. Raises as `delete`.
    """
    run_id = delete(writing, reference, by=by)
    return run_id, purge(writing, undo_s=0.0, owner=by)


def remove_folders(home: Home, run_ids: Iterable[str]) -> None:
    """Remove what runs left that are gone, and hold the reserve anew if it was spent on that."""
    for run_id in run_ids:
        shutil.rmtree(home.run(run_id).path, ignore_errors=True)
    reserve_of(home).keep()


def deleted_at(folder: RunFolder) -> float | None:
    """When the run was deleted by what its folder says; None for one that was not."""
    if (mark := read_record(folder.deleted, _Mark)) is not None:
        return min(time.time(), mark.at)  # a run can write there: what is yet to come would be kept for long
    try:
        return folder.deleted.lstat().st_mtime  # a mark that cannot be read is one all the same
    except OSError:
        return None


def _mark(folder: RunFolder, at: float) -> None:
    with contextlib.suppress(OSError):  # on a full disk runs are deleted to make room
        write_json(folder.deleted, _Mark(at))


def _unmark(folder: RunFolder) -> None:
    with contextlib.suppress(OSError):
        folder.deleted.unlink()


def purge(writing: Writing, undo_s: float = UNDO_S, owner: str | None = None) -> list[str]:
    """Forget the runs, of an owner or of all, that were deleted long ago.

    Returns their ids, whose folders are the caller's to remove.
    """
    over = sa.select(runs.c.id, runs.c.seq).where(runs.c.deleted_at <= time.time() - undo_s)
    if owner is not None:
        over = over.where(runs.c.owner == owner)
    gone = {row.seq: row.id for row in writing.conn.execute(over)}
    if gone:
        forget_runs(writing.conn, gone)
    return list(gone.values())


def forget_runs(conn: sa.Connection, ids: Mapping[int, str]) -> None:
    """Take runs, whose ids are given by their numbers, out of the database, with all that refers to them."""
    gone = list(ids.values())
    forget(conn, list(ids))
    of_them = (history.c.run_id, attempts.c.run_id, predecessors.c.run_id, predecessors.c.after_id)
    # before the runs, to which these refer
    for column in of_them:
        conn.execute(sa.delete(column.table).where(column.in_(gone)))
    conn.execute(sa.delete(runs).where(runs.c.id.in_(gone)))
