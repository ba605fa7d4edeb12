"""The runs and models of a store of MLflow's, imported once each; what has changed there is brought up to date here."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import GpurunError, TrackingUnreachable
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.names import new_run_id
from gpurun_jupyter.core.parameters import logged_in
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.queue.intake.mlflow import logs
from gpurun_server.queue.intake.mlflow.artifacts import FOLDER, are_there, copy_artifacts
from gpurun_server.queue.intake.mlflow.found import FoundRun, NotReadable, Store, counted, ends_all
from gpurun_server.queue.intake.mlflow.places import opened
from gpurun_server.queue.intake.mlflow.registry import Registry
from gpurun_server.queue.intake.new_run import new_run, run_anew
from gpurun_server.store.database import Database
from gpurun_server.store.folders.records import RunRecord
from gpurun_server.store.queries import decode_meta
from gpurun_server.store.tables import runs

#: One request takes in what it can in so many seconds; the next goes on behind it.
BUDGET_S = 20.0
#: A run there that was exported from here.
EXPORTED = "gpurun.run_id"
_MODELS = "models"  # the place behind all runs, whose places begin with a digit


class Piece(NamedTuple):
    """What one request did: the runs that are new or changed, and, if there is more, behind which place it goes on."""

    runs: list[str]
    next: str | None


class _Known(NamedTuple):
    """A run that is here."""

    id: str
    mark: str
    lacks: str


class Import:
    """For one request. `tell` hears in sentences of what is left out."""

    def __init__(self, home: Home, database: Database, owner: str, store: Store, tell: Callable[[str], None]) -> None:
        self._home, self._database, self._owner, self._store = home, database, owner, store
        self._tell = tell
        self._ours: dict[str, str] = {}  # of runs that were exported from here, by MLflow's ids
        self._at_work: list[str] = []
        self._lacking: Counter[tuple[str, str]] = Counter()

    def piece(self, after: str | None, models: Registry) -> Piece:
        """Take in what stands behind a place.

        Raises InvalidRequest and TrackingFailed where nothing can be read, StorageFull where nothing can be kept.
        """
        found, ids, place = _placed(self._store.runs()), list[str](), after or ""
        self._ours = self._exported(found.values())
        give_up = time.monotonic() + BUDGET_S
        try:
            for here in sorted(here for here in found if here > (after or "")):
                if place != (after or "") and time.monotonic() > give_up:  # one at least, or it would never end
                    return Piece(ids, place)
                ids += self._taken(found[here])
                place = here
            if not models.take(self._store, self.id_of, give_up):
                return Piece(ids, _MODELS)
            self._tell_of_the_rest()
        except TrackingUnreachable as error:  # what was imported is: it goes on there the next time
            self._tell(str(error))
        finally:
            self._tell_of_artifacts()
        return Piece(ids, None)

    def id_of(self, mlflow_id: str | None) -> str | None:
        """The run here that one of MLflow's is."""
        if mlflow_id is None or mlflow_id in self._ours:
            return self._ours.get(mlflow_id or "")
        with self._database.read() as conn:
            known = self._known(mlflow_id, conn)
        return known and known.id

    def _taken(self, run: FoundRun) -> list[str]:
        """The id of the run here if it is new or has changed."""
        name = run.name or run.id
        if run.id in self._ours:
            return []
        if not run.is_over and time.time() - logs.heard_at(run) < logs.SILENT_S:
            self._at_work.append(name)
            return []
        try:
            return self._imported(run)
        except (GpurunError, OSError) as error:
            if ends_all(error):
                raise
            self._tell(f"{name}: {error}".encode(errors="backslashreplace").decode())
            return []

    def _imported(self, run: FoundRun) -> list[str]:
        parent = self.id_of(run.parent)
        mark = run.mark(parent)
        with self._database.read() as conn:
            known = self._known(run.id, conn)
        if known and known.mark == mark and not (known.lacks and are_there(self._store, run)):
            if known.lacks:
                self._lacking[known.lacks, ""] += 1
            return []
        spec, run_id = logs.spec_of(run, parent), known.id if known else new_run_id()
        record = RunRecord(
            id=run_id,
            name=spec.name or "",
            project=spec.project,
            owner=self._owner,
            gpu=0,
            created_at=logs.began_at(run),
            spec=spec,
        )
        is_known = partial(self._known, run.id)
        place = (self._home, self._database, record)
        with run_anew(*place) if known else new_run(*place, lambda conn: is_known(conn) is not None) as attempt:
            self._fill(attempt, run, record.id, mark, known)
        self._tell_of_limits(run, record.id)
        return [record.id]

    def _fill(self, attempt: AttemptFolder, run: FoundRun, run_id: str, mark: str, known: _Known | None) -> None:
        facts = {logs.RUN_ID: run.id, logs.STORE: self._store.name, logs.MARK: mark}
        try:
            copy_artifacts(self._store, run, attempt.work / FOLDER / run_id)
        except NotReadable as error:
            if known and not known.lacks:
                said = "it has changed, but its artifacts, which are here, cannot be read any more; it stays as it was"
                raise NotReadable(f"{said}: they are {error.message}.", error.hint) from error
            shutil.rmtree(attempt.work, ignore_errors=True)
            facts[logs.LACKS] = error.message
            self._lacking[error.message, error.hint] += 1
        attempt.events.touch(mode=0o600)  # else the umask decides who may read it
        with attempt.events.open("wb") as log:
            log.writelines(map(events.encode_line, logs.log_of(run, self._store.points(run), facts)))

    def _known(self, mlflow_id: str, conn: sa.Connection) -> _Known | None:
        key = RunSpec(files=logs.key_of(mlflow_id)).origin_key
        mine = sa.and_(runs.c.owner == self._owner, runs.c.origin == key, runs.c.deleted_at.is_(None))
        row = conn.execute(sa.select(runs.c.id, runs.c.meta_json).where(mine)).first()
        facts = decode_meta(row.meta_json) if row else {}
        return row and _Known(row.id, facts.get(logs.MARK, ""), facts.get(logs.LACKS, ""))

    def _exported(self, found: Iterable[FoundRun]) -> dict[str, str]:
        """Those that came from here, and are still here."""
        named = {run.id: run.tags[EXPORTED] for run in found if EXPORTED in run.tags}
        mine = sa.select(runs.c.id).where(runs.c.owner == self._owner, runs.c.deleted_at.is_(None))
        with self._database.read() as conn:
            there = {ours: conn.scalar(mine.where(runs.c.id == ours)) for ours in set(named.values())}
        return {mlflow_id: ours for mlflow_id, ours in named.items() if there[ours]}

    def _tell_of_limits(self, run: FoundRun, run_id: str) -> None:
        """A run shows so many metrics, parameters and facts, and no long ones: the log has all."""
        with self._database.read() as conn:
            meta = decode_meta(conn.scalar(sa.select(runs.c.meta_json).where(runs.c.id == run_id)))
        lost = run.parameters.keys() - logged_in(meta).keys()
        if lost:
            verb = "is" if len(lost) == 1 else "are"
            said = f"{counted(len(lost), 'parameter')} {verb} too long to be shown, or there are too many"
            self._tell(f"{run.name or run.id}: {said}. Its log has them.")

    def _tell_of_artifacts(self) -> None:
        for (where, hint), number in self._lacking.items():
            self._tell(f"The artifacts of {counted(number, 'run')}, if any, are {where}. {hint}".strip())

    def _tell_of_the_rest(self) -> None:
        if self._at_work:
            verb = "is" if len(self._at_work) == 1 else "are"
            said = f"{counted(len(self._at_work), 'run')} {verb} still at work there: {', '.join(self._at_work[:5])}"
            self._tell(f"{said}{', ...' if len(self._at_work) > 5 else ''}. Import again when that is over.")
        if self._ours:
            self._tell(f"{counted(len(self._ours), 'run')} came from here, and nothing is done with them.")
        if deleted := self._store.deleted():
            self._tell(deleted)


def import_mlflow(
    home: Home,
    database: Database,
    owner: str,
    uri: str,
    authorization: str | None,
    after: str | None,
    tell: Callable[[str], None],
) -> Piece:
    """Import what MLflow knows at a URI, behind a place of an import before.

    Raises InvalidRequest where there is no store that can be read, TrackingFailed where a server refuses.
    """
    store = opened(uri, authorization)
    try:
        return Import(home, database, owner, store, tell).piece(after, Registry(home, database, owner, tell))
    finally:
        store.close()


def _placed(found: Iterable[FoundRun]) -> dict[str, FoundRun]:
    """Each run at its place: by time, and behind the run in which it is nested."""
    by_id = {run.id: run for run in found}
    return {_place(run, by_id): run for run in by_id.values()}


def _place(run: FoundRun, by_id: Mapping[str, FoundRun]) -> str:
    way: dict[str, str] = {}  # from the run upwards
    above: FoundRun | None = run
    while above is not None and above.id not in way:
        way[above.id] = f"{max(0, above.started_ms or 0):020} {above.id}"
        above = by_id.get(above.parent or "")
    return "/".join(reversed(way.values()))
