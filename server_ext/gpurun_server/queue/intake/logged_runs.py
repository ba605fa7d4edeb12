"""Runs that gpurun only hears of: some client logs them, and their logs are written here.

Everything else takes them for runs like any other, with one attempt of an agent called `logged`.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import InvalidRequest, RunNotFound
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.names import told
from gpurun_jupyter.core.runs import LOGGED_KIND, RunSpec
from gpurun_jupyter.core.system.bells import ring
from gpurun_server.queue.intake.run_rows import insert_logged
from gpurun_server.queue.intake.stretches import keep, next_stretch, not_to_come
from gpurun_server.queue.lifecycle.transitions import touch
from gpurun_server.queue.upkeep.deletion import deleted_at
from gpurun_server.store.database import Writing
from gpurun_server.store.folders import own_logs
from gpurun_server.store.folders.records import RunRecord, write
from gpurun_server.store.tables import runs

_FIRST = 1  # such a run has one attempt
_OWNER = sa.select(runs.c.owner).where(runs.c.id == sa.bindparam("run"))


class NewRun(msgspec.Struct, kw_only=True):
    """A run that a `client` begins to log; `parent` is the id of the run whose code does."""

    id: str
    name: str
    project: str
    owner: str
    client: str = "mlflow"
    parent: str | None = None
    began_at: float


def begin(writing: Writing, home: Home, new: NewRun) -> None:
    """Have a run that goes on. Raises InvalidRequest for names that no run can have, and RunNotFound.

    The parent need not be there yet, but must not be somebody else's.
    """
    if new.parent is not None and writing.conn.scalar(_OWNER, {"run": new.parent}) not in (None, new.owner):
        raise RunNotFound(f"There is no run {new.parent!r}.")  # nobody learns that there is such a run
    make(writing, home, new, by=new.owner)
    append(home, new.id, [start(new.began_at)])
    take_in(writing, home, new.id)


def make(writing: Writing, home: Home, new: NewRun, *, by: str) -> None:
    """Its row, and its folder with a log in which nothing stands yet. Raises InvalidRequest."""
    record = _record_of(new)
    insert_logged(writing, record, by)  # before the folder: it fails where another run has this id
    folder = home.run(new.id)
    writing.if_undone.append(lambda: shutil.rmtree(folder.path, ignore_errors=True))
    write(folder, record)
    folder.attempt(_FIRST).path.mkdir(mode=0o700, parents=True, exist_ok=True)


def take_up(writing: Writing, home: Home, record: RunRecord, *, by: str) -> None:
    """The row of one whose folder is there; of its log nothing is taken in yet."""
    insert_logged(writing, record, by)
    if (at := deleted_at(home.run(record.id))) is not None:
        touch(writing, record.id, deleted_at=at)


def append(home: Home, run_id: str, happened: Sequence[events.Event]) -> None:
    """Write what happened into the log of a run, all of it or nothing; `take_in` has it in the database.

    Raises RunNotFound where its folder is gone, and OSError.
    """
    folder = home.attempt(run_id, _FIRST)
    try:
        own_logs.append(folder, [_without_places(event) for event in happened])
    except FileNotFoundError as error:
        raise RunNotFound(f"The folder of run {run_id} is gone.", "Begin another run.") from error
    ring(home.bells, f"log {run_id}")


def take_in(writing: Writing, home: Home, run_id: str) -> None:
    """What the log of a run has that the database lacks. Raises RunNotFound."""
    if writing.conn.scalar(_OWNER, {"run": run_id}) is None:
        raise RunNotFound(f"There is no run {run_id!r}.")
    folder, until = home.attempt(run_id, _FIRST), 0
    with contextlib.suppress(FileNotFoundError):
        until = own_logs.whole_bytes(folder)
    while stretch := next_stretch(writing, run_id, _FIRST, folder.events, LOGGED_KIND, replayed=True, until=until):
        keep(writing, stretch)


def reopen(writing: Writing, home: Home, run_id: str) -> None:
    """A run that has finished goes on, and its log does: a second start says so."""
    now, began = time.time(), writing.conn.scalar(sa.select(runs.c.started_at).where(runs.c.id == run_id))
    append(home, run_id, [start(now, max(0.0, now - (began or now)))])
    take_in(writing, home, run_id)


def start(t: float, m: float = 0.0) -> events.Start:
    """The first line of a log, and that which says that the run goes on."""
    return events.Start(v=events.FORMAT_VERSION, attempt=_FIRST, pid=0, devices=[], t=t, m=m)


def _record_of(new: NewRun) -> RunRecord:
    fields = {"name": new.name, "project": new.project, "logged": new.client, "parent": new.parent}
    try:
        spec = msgspec.convert({name: value for name, value in fields.items() if value is not None}, RunSpec)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"It cannot be a run: {told(error)}.", "Give it another name.") from error
    at = not_to_come(new.began_at)
    return RunRecord(id=new.id, name=new.name, project=new.project, owner=new.owner, gpu=0, created_at=at, spec=spec)


def _without_places(event: events.Event) -> events.Event:
    """What a client says of places in logs is nothing to go by."""
    if not isinstance(event, events.Meta) or own_logs.LOG_PLACE not in event.values:
        return event
    values = {name: value for name, value in event.values.items() if name != own_logs.LOG_PLACE}
    return msgspec.structs.replace(event, values=values)
