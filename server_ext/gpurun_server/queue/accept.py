"""Acceptance: from here on a submitted run is never lost, and one submission never becomes two runs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import PurePosixPath

import sqlalchemy as sa

from gpurun_jupyter.core.devices import Agent
from gpurun_jupyter.core.errors import NoSuchDevices
from gpurun_jupyter.core.home import Home, write_json
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.queue.transitions import next_revision, record
from gpurun_server.queue.waiting import most_on_one
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import encode
from gpurun_server.store.tables import runs

_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without those that look alike


def accept(
    writing: Writing,
    home: Home,
    spec: RunSpec,
    *,
    owner: str,
    agents: Sequence[Agent],
    key: str | None = None,
) -> str:
    """Queue a run and return its id; the same `key` of the same owner gives the run that it gave before.

    Raises InvalidRequest and NoSuchDevices.
    """
    spec.check()
    if key and (before := _accepted_before(writing.conn, owner, key)):
        return before
    gpu = _gpus_wanted(spec, agents)
    run_id = new_run_id()
    now = time.time()
    row = {
        "id": run_id,
        "name": spec.name or _default_name(writing.conn, spec),
        "project": spec.project,
        "owner": owner,
        "kind": spec.kind,
        "state": State.QUEUED.value,
        "spec_json": encode(spec),
        "tags_json": encode(spec.tags),
        "priority": spec.priority,
        "gpu": gpu,
        "idempotency_key": key,
        "created_at": now,
        "queued_at": now,
        "revision": next_revision(writing),
    }
    writing.conn.execute(sa.insert(runs).values(**row))
    record(writing, run_id, None, State.QUEUED, by=owner, at=now)
    _write_record(home, run_id, row, spec)
    writing.rings |= {f"run {run_id}", "queue"}
    return run_id


def new_run_id() -> str:
    """Eight letters and digits, a letter first, so that it is never taken for a number or an option."""
    first = secrets.choice(_ID_LETTERS[:24])
    return first + "".join(secrets.choice(_ID_LETTERS) for _ in range(7))


def _accepted_before(conn: sa.Connection, owner: str, key: str) -> str | None:
    return conn.scalar(sa.select(runs.c.id).where(runs.c.owner == owner, runs.c.idempotency_key == key))


def _gpus_wanted(spec: RunSpec, agents: Sequence[Agent]) -> int:
    most = most_on_one(agents, 1)
    if spec.gpu is None:
        return min(most, 1)
    if spec.gpu > most and not spec.wait_for_device:
        raise NoSuchDevices(_nobody_has(spec.gpu, agents), _what_to_do(most))
    return spec.gpu


def _nobody_has(gpu: int, agents: Sequence[Agent]) -> str:
    there = ", ".join(f"{agent.host} has {_count(most_on_one([agent], 1))}" for agent in agents)
    return f"No agent has {_count(gpu)} on one machine ({there or 'there is no agent'})."


def _count(gpus: int) -> str:
    return f"{gpus or 'no'} GPU{'' if gpus == 1 else 's'}"


def _what_to_do(most: int) -> str:
    instead = f"Use --gpu {most}" if most else "Use --gpu 0 to run on a CPU slot"
    return f"{instead}, or --wait-for-device to wait until a machine that has them joins."


def _default_name(conn: sa.Connection, spec: RunSpec) -> str:
    stem = PurePosixPath(spec.dir.entry).stem if spec.dir and spec.dir.entry else spec.kind
    number = (conn.scalar(sa.select(sa.func.max(runs.c.seq))) or 0) + 1
    return f"{stem[:90]}-{number}"


def _write_record(home: Home, run_id: str, row: dict[str, object], spec: RunSpec) -> None:
    folder = home.run(run_id)
    folder.path.mkdir(mode=0o700, parents=True)
    kept = {key: row[key] for key in ("id", "name", "project", "owner", "gpu", "created_at", "idempotency_key")}
    write_json(folder.record, {"v": 1, **kept, "spec": spec})
