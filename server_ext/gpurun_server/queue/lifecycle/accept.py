"""Acceptance: from here on a submitted run is never lost, and one submission never becomes two runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.errors import WrongState
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.core.names import new_run_id
from gpurun_jupyter.core.run_checks import check_run
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.secrets import parted
from gpurun_server.queue.lifecycle.devices_wanted import gpus_wanted
from gpurun_server.queue.lifecycle.transitions import next_revision, record
from gpurun_server.queue.placement.offers import Offer
from gpurun_server.store.database import Writing
from gpurun_server.store.folders import secret_files
from gpurun_server.store.folders.records import RunRecord, write
from gpurun_server.store.queries import encode, find_all
from gpurun_server.store.statements import insert_into
from gpurun_server.store.summaries import keep_parameters
from gpurun_server.store.tables import predecessors, runs

_BEFORE = sa.select(runs.c.id).where(
    runs.c.owner == sa.bindparam("owner"), runs.c.idempotency_key == sa.bindparam("key")
)
_NEWEST = sa.select(sa.func.max(runs.c.seq))


def accept(
    writing: Writing,
    home: Home,
    spec: RunSpec,
    *,
    owner: str,
    offers: Sequence[Offer],
    key: str | None = None,
    rerun_of: str | None = None,
    note: str = "",
) -> str:
    """Queue a run and return its id; the same `key` of the same owner gives the run that it gave before.

    Its message, and the first line of its history, is the `note`.

    Raises InvalidRequest and NoSuchDevices.
    """
    check_run(spec)
    # before devices are looked at: what was accepted once stays so, whoever is here by now
    if key and (before := _accepted_before(writing.conn, owner, key)):
        return before
    spec, secret_values = parted(spec)
    gpu = gpus_wanted(spec, offers)
    after = _predecessors(writing.conn, spec, owner)
    state = State.CREATED if spec.hold else State.QUEUED
    run_id = new_run_id()
    now = time.time()
    row: dict[str, Any] = {
        "id": run_id,
        "name": spec.name or default_name(writing.conn, spec),
        "project": spec.project,
        "owner": owner,
        "kind": spec.kind,
        "state": state.value,
        "spec_json": encode(spec),
        "tags_json": encode(spec.tags),
        "priority": spec.priority,
        "gpu": gpu,
        "session": spec.session,
        "idempotency_key": key,
        "created_at": now,
        "queued_at": None if spec.hold else now,
        "retries_left": spec.retries,
        "rerun_of": rerun_of,
        "message": note,
        "origin": spec.origin_key,
        "revision": next_revision(writing),
    }
    (seq,) = writing.conn.execute(insert_into(runs), row).inserted_primary_key or (0,)
    keep_parameters(writing.conn, seq, spec)
    if after:
        writing.conn.execute(insert_into(predecessors), [{"run_id": run_id, "after_id": one} for one in after])
    record(writing, run_id, None, state, by=owner, at=now, message=note)
    # behind the row, which fails where another run has this id; before the folder, which may fail halfway
    writing.if_undone.append(lambda: shutil.rmtree(home.run(run_id).path, ignore_errors=True))
    if secret_values:
        writing.if_undone.append(lambda: secret_files.forget(home, run_id))
        secret_files.keep(home, run_id, secret_values)  # before the commit: an agent may claim the run at once
    kept = ("id", "name", "project", "owner", "gpu", "created_at", "idempotency_key", "rerun_of")
    # within the transaction: no row without its folder; what a kill leaves is a folder without a row
    write(home.run(run_id), RunRecord(spec=spec, **{name: row[name] for name in kept}))
    writing.rings |= {f"run {run_id}", "queue", "work"}
    return run_id


def _accepted_before(conn: sa.Connection, owner: str, key: str) -> str | None:
    return conn.scalar(_BEFORE, {"owner": owner, "key": key})


def _predecessors(conn: sa.Connection, spec: RunSpec, owner: str) -> list[str]:
    """The ids of the runs that have to succeed first; those that have are left out. Raises WrongState."""
    if not spec.after:
        return []
    waits = []
    for run in find_all(conn, spec.after, owner).values():
        if run.state != State.FINISHED.value:
            waits.append(run.id)
        elif run.outcome != Outcome.SUCCEEDED.value:
            raise WrongState(
                f"Run {run.name} ({run.id}) {run.outcome}; nothing can come after its success.", "Rerun it."
            )
    return list(dict.fromkeys(waits))  # two references may mean one run


def default_name(conn: sa.Connection, spec: RunSpec) -> str:
    """What a run is called that nobody gave a name: its file or module, and a number."""
    file = spec.notebook.name if spec.notebook else spec.dir.entry if spec.dir else None
    module = spec.dir.module if spec.dir else None
    stem = PurePosixPath(file).stem if file else module or spec.kind
    # most likely the number of its own row; names need not be unique
    number = (conn.scalar(_NEWEST) or 0) + 1
    return f"{stem[:90]}-{number}"  # a name has 100 characters at most
