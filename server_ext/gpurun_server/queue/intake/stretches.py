"""A stretch of a log, as much as one transaction takes in: its run's row once it is read, and written again."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core import events
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.parameters import logged_in
from gpurun_jupyter.core.runs import LOGGED_KIND, MetricSummary, RunProgress
from gpurun_server.queue.intake.log_digest import Digest
from gpurun_server.queue.intake.saved_models import register_saved
from gpurun_server.queue.lifecycle.ending import end_attempt, finish_logged
from gpurun_server.queue.lifecycle.transitions import go_on, move, record, touch
from gpurun_server.store.database import Writing
from gpurun_server.store.folders.logs import read_lines
from gpurun_server.store.queries import encode
from gpurun_server.store.summaries import forget_metrics, in_columns, keep_logged_parameters, keep_metrics
from gpurun_server.store.tables import attempts, history, runs

log = logging.getLogger("gpurun.queue")

CHUNK_BYTES = 4 * 2**20  # in one transaction, for which all other writers wait
#: And so many children, each of which may have to be made: a stretch that tells of more ends there.
_MOST_CHILDREN = 30
DAMAGE = "There are lines in its log that cannot be read; they are passed over."

_MINE = sa.and_(attempts.c.run_id == sa.bindparam("run"), attempts.c.number == sa.bindparam("attempt"))
_OF_RUNS = ("seq", "kind", "owner", "project", "state", "outcome", "reason", "message", "started_at", "finished_at")
_TAKEN_IN = (
    sa.select(attempts.c.ingested_offset, attempts.c.ended_at, attempts.c.granted_at)
    .add_columns(*(runs.c[name] for name in _OF_RUNS), runs.c.progress_json, runs.c.metrics_json, runs.c.meta_json)
    .join(runs, runs.c.id == attempts.c.run_id)
    .where(_MINE)
)
_TOLD = sa.select(history.c.seq).where(history.c.run_id == sa.bindparam("run"), history.c.message == DAMAGE).limit(1)
_ADVANCE = (
    sa.update(attempts)
    .where(_MINE, attempts.c.ingested_offset == sa.bindparam("before"))
    .values(ingested_offset=sa.bindparam("after"))
)


@dataclass
class Stretch:
    """What is new in the log of an attempt, `by` whom it is taken in, and its run's row before.

    It ends before byte `offset` of the log. `replayed`: the log is an old one, or not a runner's: its own times count.
    """

    run_id: str
    attempt: int
    folder: AttemptFolder
    row: sa.Row[Any]
    digest: Digest
    offset: int
    by: str
    replayed: bool


def next_stretch(
    writing: Writing, run_id: str, attempt: int, path: Path, by: str, *, replayed: bool, until: int | None = None
) -> Stretch | None:
    """What is new of a log, up to the byte `until`; None where nothing is, or the attempt has ended.

    Who gets one has it alone: the log counts as taken in up to its end.
    """
    row = writing.conn.execute(_TAKEN_IN, {"run": run_id, "attempt": attempt}).one()
    if row.ended_at is not None and row.kind != LOGGED_KIND:  # of a logged run more may come, and it may go on
        return None
    most = CHUNK_BYTES if until is None else min(CHUNK_BYTES, until - row.ingested_offset)
    lines, offset = read_lines(path, row.ingested_offset, most) if most > 0 else ([], row.ingested_offset)
    digest, offset, is_damaged = _digested(row, lines, offset)
    # before anything else is written: who comes second must change nothing
    if not lines or not _advance(writing.conn, run_id, attempt, row.ingested_offset, offset):
        return None
    if is_damaged:
        _tell_of_damage(writing, run_id, State(row.state), by)
    return Stretch(run_id, attempt, AttemptFolder(path.parent), row, digest, offset, by, replayed)


def _digested(row: sa.Row[Any], lines: list[bytes], offset: int) -> tuple[Digest, int, bool]:
    """What lines say that end before byte `offset`; where what they say of it ends, and whether there was damage."""
    digest = Digest(
        progress=msgspec.json.decode(row.progress_json or "{}", type=RunProgress),
        metrics=msgspec.json.decode(row.metrics_json, type=dict[str, MetricSummary]),
        meta=msgspec.json.decode(row.meta_json or "{}"),
    )
    is_damaged, place = False, offset - sum(len(line) + 1 for line in lines)
    for line in lines:
        place += len(line) + 1
        if (event := events.event_on(line)) is None:
            # what was appended to half a line is sound, and counts
            is_damaged, event = True, events.event_on(events.sound_part(line) or b"")
        digest.take(event, place)
        if len(digest.children) >= _MOST_CHILDREN:
            return digest, place, is_damaged
    return digest, offset, is_damaged


def not_to_come(at: float) -> float:
    """A time that somebody else's clock gave."""
    return max(0.0, min(at, time.time()))


def keep(writing: Writing, stretch: Stretch) -> None:
    """Write down what a stretch says of its run. A model is registered only where its files are there."""
    digest, row = stretch.digest, stretch.row
    if digest.forgotten:
        forget_metrics(writing.conn, row.seq, digest.forgotten)
    keep_metrics(writing.conn, row.seq, digest.changed)
    logged = logged_in(digest.meta)
    keep_logged_parameters(writing.conn, row.seq, {name: logged[name] for name in digest.logged})
    columns = _columns(digest)
    if row.kind == LOGGED_KIND:
        _keep_of_logged(writing, stretch, columns)
    else:
        _keep_of_attempt(writing, stretch, columns)


def _columns(digest: Digest) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if digest.has_progressed:
        columns["progress_json"] = encode(digest.progress)
    if digest.has_told:
        columns["meta_json"] = encode(digest.meta)
    if digest.changed or digest.forgotten:
        columns |= in_columns(digest.metrics)
    return columns


def _keep_of_attempt(writing: Writing, stretch: Stretch, columns: dict[str, Any]) -> None:
    run_id, attempt, digest, by = stretch.run_id, stretch.attempt, stretch.digest, stretch.by
    started_at = digest.started_at
    if started_at is not None:
        if not stretch.replayed:
            started_at = _by_our_clock(started_at, stretch.row.granted_at)
        columns["started_at"] = started_at
    # one that was asked to stop before it began stays so
    if started_at is not None and State(stretch.row.state) is State.STARTING:
        move(writing, run_id, State.RUNNING, by=by, at=started_at if stretch.replayed else None, **columns)
    elif columns:
        touch(writing, run_id, **columns)
    home = stretch.folder.home
    for model, lasts in digest.models:
        if home.blob(model.manifest).exists():
            register_saved(writing, run_id, attempt, model, lasts)
    if digest.end:
        end_attempt(writing, run_id, attempt, digest.end, by, at=digest.end.t if stretch.replayed else None)


def _keep_of_logged(writing: Writing, stretch: Stretch, columns: dict[str, Any]) -> None:
    """Of a run that is only heard of: it may tell more after its end, end in another way, and go on."""
    run_id, digest, row = stretch.run_id, stretch.digest, stretch.row
    if row.started_at is None and digest.started_at is not None:
        columns["started_at"] = not_to_come(digest.started_at)
    is_over = row.state == State.FINISHED.value
    if row.message and not is_over:  # that nothing was heard of it
        columns["message"] = ""
    if columns:
        touch(writing, run_id, **columns)
    end = digest.end and msgspec.structs.replace(digest.end, t=not_to_come(digest.end.t))
    if end is not None and is_over and _is_known(row, end):
        return
    if is_over and (digest.goes_on or end is not None):
        go_on(writing, run_id, by=stretch.by)
    if end is not None:
        finish_logged(writing, run_id, end, stretch.by)


def _is_known(row: sa.Row[Any], end: events.End) -> bool:
    """Whether that is how it ended: the server itself may have ended it, and written that down."""
    same_time = row.finished_at is not None and abs(row.finished_at - end.t) < 1e-3
    return same_time and (row.outcome, row.reason) == (end.outcome.value, end.reason.value)


def _by_our_clock(started_at: float, granted_at: float) -> float:
    """When an attempt began: after it was granted and before now, whatever the clock of its machine says."""
    return max(granted_at, min(started_at, time.time()))


def _tell_of_damage(writing: Writing, run_id: str, state: State, by: str) -> None:
    """Once in the run's history, and in the log of who takes it in."""
    if writing.conn.scalar(_TOLD, {"run": run_id}) is None:
        log.warning("run %s: %s", run_id, DAMAGE)
        record(writing, run_id, state, state, by=by, message=DAMAGE, at=time.time())


def _advance(conn: sa.Connection, run_id: str, attempt: int, before: int, after: int) -> bool:
    swapped = conn.execute(_ADVANCE, {"run": run_id, "attempt": attempt, "before": before, "after": after})
    return swapped.rowcount == 1
