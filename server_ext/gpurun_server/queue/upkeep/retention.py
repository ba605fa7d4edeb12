"""Retention: what old runs of an owner printed and left, and blobs that nothing refers to any more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import State
from gpurun_server.store.content.references import collect, in_use, unused
from gpurun_server.store.database import Database
from gpurun_server.store.folders import retention
from gpurun_server.store.queries import kept_of
from gpurun_server.store.room import reserve_of, with_reserve
from gpurun_server.store.tables import runs


class Terms(msgspec.Struct, kw_only=True):
    """Which runs are old: finished so many seconds ago, of a project or of all, those with tags too or not."""

    older_than_s: float
    project: str | None = None
    keep_tagged: bool = False


class Pruned(msgspec.Struct):
    """What was freed, or would be: runs by id with the bytes of each, and blobs with their bytes in all."""

    runs: dict[str, int]
    runs_bytes: int
    blobs: int
    blobs_bytes: int


def prune(database: Database, home: Home, owner: str, terms: Terms, *, dry_run: bool) -> Pruned:
    """Thin the old runs of an owner, and collect blobs of nobody; with `dry_run` only say what that would free."""
    with database.read() as conn:
        old = _old_runs(conn, owner, terms)
    weights = {run_id: weight for run_id in old if (weight := retention.weight(home.run(run_id)))}
    if not dry_run:
        for run_id in weights:
            retention.take_files(home.run(run_id))
        for run_id in weights:  # only now: a log is written anew, for which a full disk may have no room before
            with_reserve(home, partial(retention.thin_logs, home.run(run_id)))
    sizes = _collected(database, home, dry_run)
    reserve_of(home).keep()  # last, when there is room
    return Pruned(weights, sum(weights.values()), len(sizes), sum(sizes))


def _old_runs(conn: sa.Connection, owner: str, terms: Terms) -> Sequence[str]:
    conditions: list[Any] = [kept_of(owner), runs.c.state == State.FINISHED.value]
    conditions.append(runs.c.finished_at < time.time() - terms.older_than_s)
    if terms.project is not None:
        conditions.append(runs.c.project == terms.project)
    if terms.keep_tagged:
        conditions.append(runs.c.tags_json == "[]")
    return conn.scalars(sa.select(runs.c.id).where(*conditions).order_by(runs.c.seq)).all()


def _collected(database: Database, home: Home, dry_run: bool) -> list[int]:
    """The sizes of the blobs that are gone. Nothing is accepted meanwhile: who is accepted after finds them missing."""
    if dry_run:
        with database.read() as conn:
            return [size for _, size in unused(home, in_use(conn, home))]
    with database.write() as writing:
        return [size for path, size in unused(home, in_use(writing.conn, home)) if collect(path)]
