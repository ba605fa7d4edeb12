"""Logs into the database: what an attempt's log says becomes its run's state, progress and metric summaries.

Several processes may take in the same log: each advances `ingested_offset` by compare-and-swap in the transaction that
holds what it read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.numbers import Number, finite
from gpurun_jupyter.core.parameters import LOGGED, logged_in
from gpurun_jupyter.core.runs import MetricSummary, RunProgress
from gpurun_jupyter.core.system.records import size_of
from gpurun_jupyter.progress.bars.overall import with_bar
from gpurun_server.queue.intake.saved_models import register_saved
from gpurun_server.queue.lifecycle.ending import end_attempt
from gpurun_server.queue.lifecycle.transitions import move, record, touch
from gpurun_server.store.database import OUTAGE, Database, Writing
from gpurun_server.store.folders.logs import read_lines
from gpurun_server.store.folders.plain_files import CSV_PLACE
from gpurun_server.store.queries import encode
from gpurun_server.store.summaries import in_columns, keep_logged_parameters, keep_metrics
from gpurun_server.store.tables import attempts, history, runs

log = logging.getLogger("gpurun.queue")

_CHUNK_BYTES = 4 * 2**20  # in one transaction, for which all other writers wait
#: A run has so many metrics at most, with names of so many characters: all of them are kept in its row.
_MOST_METRICS, _LONGEST_NAME = 10_000, 1000
#: And so many facts, each of so many characters as JSON.
_MOST_FACTS, _LONGEST_FACT = 100, 4000
#: And so many parameters that its code logged, each of so many characters.
_MOST_PARAMETERS, _LONGEST_PARAMETER = 1000, 1000
_DAMAGE = "There are lines in its log that cannot be read; they are passed over."
_QUIET = (events.opening("output"), events.opening("sample"))  # most lines are these, and say nothing to the database


_MINE = sa.and_(attempts.c.run_id == sa.bindparam("run"), attempts.c.number == sa.bindparam("attempt"))
_TAKEN_IN = (
    sa.select(attempts.c.ingested_offset, attempts.c.ended_at, attempts.c.granted_at)
    .add_columns(runs.c.seq, runs.c.state, runs.c.progress_json, runs.c.metrics_json, runs.c.meta_json)
    .join(runs, runs.c.id == attempts.c.run_id)
    .where(_MINE)
)
_TOLD = sa.select(history.c.seq).where(history.c.run_id == sa.bindparam("run"), history.c.message == _DAMAGE).limit(1)
_ADVANCE = (
    sa.update(attempts)
    .where(_MINE, attempts.c.ingested_offset == sa.bindparam("before"))
    .values(ingested_offset=sa.bindparam("after"))
)


@dataclass
class _Digest:
    """What a stretch of a log says about its run."""

    progress: RunProgress
    metrics: dict[str, MetricSummary]
    meta: dict[str, Any]
    started_at: float | None = None
    end: events.End | None = None
    models: list[tuple[events.Model, dict[str, Number]]] = field(default_factory=list)  # with the metrics then
    has_progressed: bool = False
    has_told: bool = False  # facts
    changed: dict[str, MetricSummary] = field(default_factory=dict)  # of the metrics
    logged: set[str] = field(default_factory=set)  # parameters that are new or changed

    def take(self, event: events.AnyEvent | None) -> None:
        if isinstance(event, events.Start):
            self.started_at = event.t
        elif isinstance(event, events.Progress):
            self.has_progressed = True
            self.progress = with_bar(self.progress, event)
        elif isinstance(event, events.Metric):
            for name, value in event.values.items():
                if name in self.metrics or (len(self.metrics) < _MOST_METRICS and len(name) <= _LONGEST_NAME):
                    self.changed[name] = self.metrics[name] = _summed(self.metrics.get(name), value, event.step)
        elif isinstance(event, events.Model):
            self.models.append((event, {name: summary.last for name, summary in self.metrics.items()}))
        elif isinstance(event, events.Meta):
            self._take_facts(event.values)
        elif isinstance(event, events.Parameters):
            self._take_parameters(event.values)
        elif isinstance(event, events.End):
            self.end = event

    def _take_facts(self, values: dict[str, Any]) -> None:
        """Of few and short ones the latest; they are shown as they are."""
        for name, value in values.items():
            fits = len(name) <= _LONGEST_NAME and len(encode(value)) <= _LONGEST_FACT
            if fits and name not in (CSV_PLACE, LOGGED) and (name in self.meta or len(self.meta) < _MOST_FACTS):
                self.meta[name], self.has_told = value, True

    def _take_parameters(self, values: Mapping[str, str | float]) -> None:
        known = self.meta.setdefault(LOGGED, {})
        for name, value in values.items():
            fits = len(name) <= _LONGEST_NAME and len(str(value)) <= _LONGEST_PARAMETER
            if fits and (name in known or len(known) < _MOST_PARAMETERS):
                known[name], self.has_told = value, True
                self.logged.add(name)


def ingest(
    writing: Writing, run_id: str, attempt: int, path: Path, by: str, *, ends: bool = True, replayed: bool = False
) -> bool:
    """Take in what is new of an attempt's log, some megabytes at most; returns whether there was anything new.

    An attempt that has ended is left as it is. `ends`: the log's end is the attempt's; on another machine it is not,
    because its files come after it. `replayed`: the log is an old one, whose own times count. A model is registered
    only where its files are there: those of another machine come later, and are registered then.
    """
    row = writing.conn.execute(_TAKEN_IN, {"run": run_id, "attempt": attempt}).one()
    if row.ended_at is not None:
        return False
    lines, offset = read_lines(path, row.ingested_offset, _CHUNK_BYTES)
    digest = _Digest(
        progress=msgspec.json.decode(row.progress_json or "{}", type=RunProgress),
        metrics=msgspec.json.decode(row.metrics_json, type=dict[str, MetricSummary]),
        meta=msgspec.json.decode(row.meta_json or "{}"),
    )
    is_damaged = False
    for line in lines:
        if (event := events.event_on(line)) is None:
            # what was appended to half a line is sound, and counts
            is_damaged, event = True, events.event_on(events.sound_part(line) or b"")
        digest.take(event)
    # before anything else is written: who comes second must change nothing
    if not lines or not _advance(writing.conn, run_id, attempt, row.ingested_offset, offset):
        return False
    if is_damaged:
        _tell_of_damage(writing, run_id, State(row.state), by)
    if not ends:
        digest.end = None
    if digest.started_at is not None and not replayed:
        digest.started_at = _by_our_clock(digest.started_at, row.granted_at)
    keep_metrics(writing.conn, row.seq, digest.changed)
    logged = logged_in(digest.meta)
    keep_logged_parameters(writing.conn, row.seq, {name: logged[name] for name in digest.logged})
    home = AttemptFolder(path.parent).home
    digest.models = [one for one in digest.models if home.blob(one[0].manifest).exists()]
    _apply(writing, run_id, attempt, State(row.state), digest, by, replayed)
    return True


def ingest_long(database: Database, run_id: str, attempt: int, path: Path, by: str) -> None:
    """Take in most of a long log, in transactions of its own: that which ends the attempt holds up all others.

    Whatever is wrong with it is found again, and said, when the attempt ends.
    """
    try:
        more = size_of(path) > _CHUNK_BYTES
        while more:
            with database.write() as writing:
                more = ingest(writing, run_id, attempt, path, by, ends=False)
    except FileNotFoundError:
        return
    except (*OUTAGE, StorageUnusable):
        raise
    except Exception:  # its run may have been deleted
        log.exception("%s/%d: its log is not taken in before its end", run_id, attempt)


def _by_our_clock(started_at: float, granted_at: float) -> float:
    """When an attempt began: after it was granted and before now, whatever the clock of its machine says."""
    return max(granted_at, min(started_at, time.time()))


def _tell_of_damage(writing: Writing, run_id: str, state: State, by: str) -> None:
    """Once in the run's history, and in the log of who takes it in."""
    if writing.conn.scalar(_TOLD, {"run": run_id}) is None:
        log.warning("run %s: %s", run_id, _DAMAGE)
        record(writing, run_id, state, state, by=by, message=_DAMAGE, at=time.time())


def is_quiet(lines: bytes) -> bool:
    """Whether this stretch of a log says nothing to the database."""
    return all(line.startswith(_QUIET) for line in lines.splitlines())


def _summed(before: MetricSummary | None, value: Number, step: float | None) -> MetricSummary:
    low, high = (before.min, before.max) if before else (None, None)
    if (number := finite(value)) is not None:
        low = number if low is None else min(low, number)
        high = number if high is None else max(high, number)
    return MetricSummary(value, low, high, step)


def _advance(conn: sa.Connection, run_id: str, attempt: int, before: int, after: int) -> bool:
    swapped = conn.execute(_ADVANCE, {"run": run_id, "attempt": attempt, "before": before, "after": after})
    return swapped.rowcount == 1


def _apply(writing: Writing, run_id: str, attempt: int, state: State, digest: _Digest, by: str, replayed: bool) -> None:
    columns: dict[str, Any] = {}
    if digest.started_at is not None:
        columns["started_at"] = digest.started_at
    if digest.has_progressed:
        columns["progress_json"] = encode(digest.progress)
    if digest.has_told:
        columns["meta_json"] = encode(digest.meta)
    if digest.changed:
        columns |= in_columns(digest.metrics)
    # one that was asked to stop before it began stays so
    if digest.started_at is not None and state is State.STARTING:
        move(writing, run_id, State.RUNNING, by=by, at=digest.started_at if replayed else None, **columns)
    elif columns:
        touch(writing, run_id, **columns)
    for model, lasts in digest.models:
        register_saved(writing, run_id, attempt, model, lasts)
    if digest.end:
        end_attempt(writing, run_id, attempt, digest.end, by, at=digest.end.t if replayed else None)
