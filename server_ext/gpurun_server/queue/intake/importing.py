"""Runs that another tool carries out and describes in plain files.

Each becomes a run with a folder and a log of its own, an attempt of an agent called `files`: everything else takes it
for a run like any other. How far the CSV was read stands in the log, written in one piece with what was read.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import GpurunError, InvalidRequest
from gpurun_jupyter.core.formats.plain_files import Row
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_jupyter.core.names import new_run_id
from gpurun_jupyter.core.numbers import all_in_json
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.system.bells import ring
from gpurun_server.queue.intake.ingest import ingest
from gpurun_server.queue.intake.new_run import new_run
from gpurun_server.queue.intake.rebuilding import FILES_AGENT
from gpurun_server.queue.lifecycle.transitions import touch
from gpurun_server.store.database import OUTAGE, Database
from gpurun_server.store.folders.own_logs import append, last_fact
from gpurun_server.store.folders.plain_files import CSV_PLACE, EPOCH_S, PlainRun, Reader, began_at, runs_below, runs_in
from gpurun_server.store.folders.records import RunRecord, read, write
from gpurun_server.store.queries import encode
from gpurun_server.store.summaries import change_parameters
from gpurun_server.store.tables import runs

#: A run whose files were left alone for so long, seconds, is over; one that is written to seldom: so many pauses.
QUIET_S = 600.0
_PAUSES = 5


@dataclass
class Open:
    """A run that goes on: where it lies, when it began, how far it was read, and when its files were written."""

    run_id: str
    folder: AttemptFolder
    reader: Reader
    began_at: float = 0.0
    yaml_at: float = 0.0
    grown_at: float = 0.0
    longest_pause_s: float = 0.0
    step: float | None = None

    def is_over(self, changes: Sequence[float], quiet_s: float) -> bool:
        """Whether nothing more is to be expected."""
        return time.time() - max(changes, default=0.0) > max(quiet_s, _PAUSES * self.longest_pause_s)


class Importer:
    """Brings the runs of one owner up to date with their files. For one thread at a time. `tell` hears what is bad."""

    def __init__(
        self, home: Home, database: Database, owner: str, tell: Callable[[str], None], quiet_s: float = QUIET_S
    ) -> None:
        self._home = home
        self._database = database
        self._owner = owner
        self._tell = tell
        self._quiet_s = quiet_s
        self.open: dict[PlainRun, Open] = {}

    def look(self, run: PlainRun, *, whole: bool = False) -> str | None:
        """Take in what is new of a run; returns its id if there was anything.

        `whole`: no more is to be expected of it, and one that is being watched is left alone.
        """
        try:
            return self._look(run, whole)
        except (GpurunError, OSError, ValueError, *OUTAGE) as error:  # nobody would begin the watch again
            self._tell(f"{run.stem}: {error}".encode(errors="backslashreplace").decode())  # names may be no UTF-8
            return None

    def _look(self, run: PlainRun, whole: bool) -> str | None:
        known, changes = self.open.get(run) or self._known(run), run.changes()
        if not isinstance(known, Open):
            begins = bool(changes) and (known is None or self._is_another(run, known))
            return self._begin(run, changes, whole) if begins else None
        if whole:
            return None
        self.open[run] = known
        if self._is_cancelled(known):
            return self._end(run, known, Outcome.CANCELLED)
        if run.csv_bytes() < known.reader.read_bytes:  # it was written anew: that is another run
            self._end(run, known, Outcome.SUCCEEDED)
            return self._begin(run, changes, whole) if changes else None
        return self._go_on(run, known, changes)

    def _known(self, run: PlainRun) -> Open | str | None:
        """The newest run of these files: as it goes on, or its id if it is over."""
        mine = sa.select(runs).where(runs.c.owner == self._owner, runs.c.origin == RunSpec(files=run.stem).origin_key)
        with self._database.read() as conn:
            row = conn.execute(mine.order_by(runs.c.seq.desc()).limit(1)).first()
        if row is None or row.state == State.FINISHED.value:
            return None if row is None else str(row.id)
        folder = self._home.attempt(row.id, 1)
        reader = Reader(run.csv, _cut_after_last_place(folder.events))
        # grown now: that no server watched it for a while is no pause of the run
        return Open(row.id, folder, reader, row.started_at or row.created_at, grown_at=time.time())

    def _is_another(self, run: PlainRun, before: str) -> bool:
        """Whether the CSV is not that of the run before, which is over."""
        log = self._home.attempt(before, 1).events
        return run.csv.is_file() and log.exists() and run.csv_bytes() != _read_bytes(log)

    def _begin(self, run: PlainRun, changes: Sequence[float], whole: bool) -> str:
        spec, reader, rows = run.spec(self._parameters(run)), Reader(run.csv), []
        # all of them before anything is written: their times say when the run began
        while more := reader.new_rows(is_last=whole):
            rows += more
        run_id = new_run_id()
        known = Open(run_id, self._home.attempt(run_id, 1), reader, began_at(rows, changes), max(changes), max(changes))
        is_over = whole or known.is_over(changes, self._quiet_s)
        if is_over:
            rows += reader.new_rows(is_last=True)  # nobody will end the last line any more
        record = _record_of(run, run_id, self._owner, known.began_at, spec)
        with new_run(self._home, self._database, record):
            start = events.Start(v=events.FORMAT_VERSION, attempt=1, pid=0, devices=[], t=known.began_at)
            append(known.folder, [start])
            self._write_rows(run, known, rows)
            if is_over:
                self._write_end(run, known, Outcome.SUCCEEDED)
        if not is_over:
            self.open[run] = known
        return run_id

    def _go_on(self, run: PlainRun, known: Open, changes: Sequence[float]) -> str | None:
        has_news = False
        while rows := known.reader.new_rows():
            self._write_rows(run, known, rows)
            has_news = True
        if run.yaml.is_file() and (changed_at := run.yaml.stat().st_mtime) > known.yaml_at:
            self._change_parameters(run, known)
            known.yaml_at = changed_at
        if known.is_over(changes, self._quiet_s):
            return self._end(run, known, Outcome.SUCCEEDED)
        if has_news:
            self._take_in(known)
        return known.run_id if has_news else None

    def _write_rows(self, run: PlainRun, known: Open, rows: Sequence[Row]) -> None:
        """Into the log, together with the place up to which the CSV was read."""
        now = max(run.changes(), default=time.time())
        if rows:
            known.longest_pause_s = max(known.longest_pause_s, now - known.grown_at)
            known.grown_at = now
        known.step = next((row.step for row in reversed(rows) if row.step is not None), known.step)
        measured = [_metric(row, known.began_at, now) for row in rows]
        place = events.Meta(values={CSV_PLACE: known.reader.read_bytes}, t=now, m=max(0.0, now - known.began_at))
        # in one write: rows behind the last place are cut off and read again
        append(known.folder, [*measured, place])

    def _end(self, run: PlainRun, known: Open, outcome: Outcome) -> str:
        if outcome is Outcome.SUCCEEDED:  # a last line without its end is complete by now
            self._write_rows(run, known, known.reader.new_rows(is_last=True))
        self._write_end(run, known, outcome)
        self._take_in(known)
        self.open.pop(run, None)
        return known.run_id

    def _write_end(self, run: PlainRun, known: Open, outcome: Outcome) -> None:
        is_done = outcome is Outcome.SUCCEEDED
        last = max(run.changes(), default=time.time()) if is_done else time.time()
        m = max(0.0, last - known.began_at)
        if self._keep_checkpoint(run, known.folder):
            kept = events.Checkpoint(path=run.checkpoint.name, step=known.step, t=last, m=m)
            append(known.folder, [kept])
        reason = Reason.COMPLETED if is_done else Reason.CANCELLED_BY
        append(known.folder, [events.End(outcome=outcome, reason=reason, t=last, m=m)])

    def _take_in(self, known: Open) -> None:
        with self._database.write() as writing:
            while ingest(writing, known.run_id, 1, known.folder.events, FILES_AGENT, replayed=True):
                pass
        ring(self._home.bells, f"log {known.run_id}")

    def _parameters(self, run: PlainRun) -> dict[str, object]:
        """Those that can be read: a run has metrics without them."""
        try:
            return run.parameters()
        except (InvalidRequest, OSError) as error:
            self._tell(f"{run.yaml}: {error}")
            return {}

    def _change_parameters(self, run: PlainRun, known: Open) -> None:
        record, spec = read(self._home.run(known.run_id)), run.spec(self._parameters(run))
        if spec.values == record.spec.values:
            return
        record.spec = spec
        with self._database.write() as writing:
            touch(writing, known.run_id, spec_json=encode(spec))
            change_parameters(writing.conn, known.run_id, spec)
        write(self._home.run(known.run_id), record)  # last: as long as it differs, all of this is done again

    def _is_cancelled(self, known: Open) -> bool:
        with self._database.read() as conn:
            return bool(conn.scalar(sa.select(runs.c.stop_by).where(runs.c.id == known.run_id)))

    def _keep_checkpoint(self, run: PlainRun, folder: AttemptFolder) -> bool:
        """Copy it: the other tool may write the next one over it. Whether there was one, and room for it."""
        if not run.checkpoint.is_file():
            return False
        folder.checkpoints.mkdir(mode=0o700, exist_ok=True)
        beside = folder.checkpoints / f".{run.checkpoint.name}"
        try:
            shutil.copyfile(run.checkpoint, beside)
            beside.replace(folder.checkpoints / run.checkpoint.name)  # a name only when all of it is there
        except OSError as error:
            self._tell(f"{run.checkpoint} was not kept: {error}")
            beside.unlink(missing_ok=True)
            return False
        return True


def import_folder(importer: Importer, folder: Path) -> list[str]:
    """Import a folder of projects, or that of one project, once; returns the ids of the new runs.

    Raises InvalidRequest where there is no such folder.
    """
    if not _is_folder(folder):
        raise InvalidRequest(f"The server's machine has no folder {folder}.", "Name one that holds PROJECT/RUN.csv.")
    found = (importer.look(run, whole=True) for run in runs_in(folder) or runs_below(folder))
    return [run_id for run_id in found if run_id is not None]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # longer than a path can be
        return False


def _record_of(run: PlainRun, run_id: str, owner: str, at: float, spec: RunSpec) -> RunRecord:
    return RunRecord(id=run_id, name=run.name, project=run.project, owner=owner, gpu=0, created_at=at, spec=spec)


def _metric(row: Row, began: float, now: float) -> events.Metric:
    elapsed = now - began if row.time is None else row.time - (began if row.time > EPOCH_S else 0.0)
    return events.Metric(values=all_in_json(row.values), step=row.step, t=began + elapsed, m=elapsed)


def _read_bytes(log: Path) -> int:
    """Up to which byte the CSV was read, as its log says."""
    return int(last_fact(log, CSV_PLACE)[0] or 0)


def _cut_after_last_place(log: Path) -> int:
    """The same; what an interrupted write left in the log after that is read again."""
    with contextlib.suppress(FileNotFoundError):
        read_bytes, end = last_fact(log, CSV_PLACE)
        with log.open("r+b") as file:
            file.truncate(end)
        return int(read_bytes or 0)
    return 0
