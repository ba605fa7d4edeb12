"""A database with a past and a queue: 100,000 runs that have finished, an agent whose GPUs are held, runs that wait."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.runs import Bar, MetricSummary, RunProgress, RunSpec
from gpurun_jupyter.core.system.processes import boot_id
from gpurun_server.queue.lifecycle.accept import new_run_id
from gpurun_server.store.database import Database
from gpurun_server.store.queries import encode
from gpurun_server.store.summaries import keep_metrics, keep_parameters
from gpurun_server.store.tables import agents, attempts, history, revisions, runs

FINISHED = 100_000
AGENT = "lab"
GIB = 2**30
_AT_ONCE = 5_000
_CODE = "import torch\n" + "model.fit(data, epochs=10, lr=0.001)  # and so on\n" * 8
_METRICS = encode({name: MetricSummary(0.5, 0.1, 0.9, 100.0) for name in ("loss", "acc")})
_PROGRESS = encode(RunProgress(0.5, 60.0, [Bar("b1", "epochs", 5.0, 10.0, 0.1, 60.0)]))


def database_in(folder: Path, finished: int = FINISHED) -> tuple[Home, Database]:
    """A state directory whose database holds so many finished runs."""
    home = Home(folder)
    home.create()
    database = Database(home)
    database.prepare()
    add(database, "finished", finished)
    return home, database


def add(
    database: Database,
    state: str,
    count: int,
    gpu: int = 1,
    owners: int = 5,
    vary: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> list[str]:
    """Add runs in this state as if they had gone their way; returns their ids. `vary` may change a run's columns."""
    with database.engine.begin() as conn:
        conn.execute(sa.update(revisions).values(latest=revisions.c.latest + count))
        revision = (conn.scalar(sa.select(revisions.c.latest)) or 0) - count
    made = [vary(_row(state, number, revision + number + 1, gpu, owners)) for number in range(count)]
    _insert(database, runs, made)
    _summarize(database, revision)
    if state != "queued":
        ended = [one["finished_at"] for one in made]
        _insert(database, attempts, (_attempt(one, at) for one, at in zip(made, ended, strict=True)))
    steps = {"finished": 4, "running": 3, "queued": 1}[state]
    _insert(database, history, (_change(one, step) for one in made for step in range(steps)))
    return [one["id"] for one in made]


def join(database: Database, gpus: int, agent_id: str = AGENT) -> list[Device]:
    """Let an agent of this machine join that is heard for ever; returns its devices."""
    devices = [Device(id=f"GPU-{index}", kind="gpu", index=index, memory_total_bytes=80 * GIB) for index in range(gpus)]
    row = {"id": agent_id, "host": agent_id, "version": "1", "boot": boot_id(), "heard_at": time.time() + 86_400}
    with database.engine.begin() as conn:
        conn.execute(sa.insert(agents).values(**row, labels_json="[]", devices_json=encode(devices)))
    return devices


def let_end(database: Database, run_ids: Iterable[str]) -> None:
    """Finish runs in one stroke: what comes between two claims is not what is measured."""
    ids = list(run_ids)
    with database.engine.begin() as conn:
        conn.execute(sa.update(revisions).values(latest=revisions.c.latest + 1))
        latest = conn.scalar(sa.select(revisions.c.latest))
        ended = {"state": "finished", "outcome": "succeeded", "finished_at": time.time(), "revision": latest}
        conn.execute(sa.update(runs).where(runs.c.id.in_(ids)).values(**ended))
        conn.execute(sa.update(attempts).where(attempts.c.run_id.in_(ids)).values(ended_at=time.time()))


def _row(state: str, number: int, revision: int, gpu: int, owners: int) -> dict[str, Any]:
    now = time.time() - 1000 + number / 1000
    begun = state != "queued"
    return {
        "id": new_run_id(),
        "name": f"digits-{number}",
        "project": f"project{number % 7}",
        "owner": f"owner{number % owners}" if number % owners else getpass.getuser(),
        "kind": "cell",
        "state": state,
        "outcome": "succeeded" if state == "finished" else None,
        "reason": "completed" if state == "finished" else None,
        "spec_json": encode(RunSpec(code=_CODE, gpu=gpu, env={"SEED": str(number)})),
        "tags_json": '["baseline"]',
        "priority": 0,
        "gpu": gpu,
        "attempt": int(begun),
        "agent_id": AGENT if begun else None,
        "devices_json": f'["gpu{number}"]' if begun else "[]",
        "created_at": now,
        "queued_at": now,
        "started_at": now + 1 if begun else None,
        "finished_at": now + 60 if state == "finished" else None,
        "progress_json": _PROGRESS if begun else None,
        "metrics_json": _METRICS if begun else "{}",
        "revision": revision,
    }


def _summarize(database: Database, revision: int) -> None:
    """Their metrics and parameters as rows, as ingestion and acceptance write them."""
    columns = (runs.c.seq, runs.c.spec_json, runs.c.metrics_json)
    with database.engine.begin() as conn:
        rows = conn.execute(sa.select(*columns).where(runs.c.revision > revision)).all()
        for seq, spec_json, metrics_json in rows:
            keep_parameters(conn, seq, spec_json)
            keep_metrics(conn, seq, msgspec.json.decode(metrics_json, type=dict[str, MetricSummary]))


def _attempt(run: dict[str, Any], ended_at: float | None) -> dict[str, Any]:
    index = int(run["name"].rpartition("-")[2])
    devices = encode([Device(id=f"GPU-{index}", kind="gpu", index=index, memory_total_bytes=80 * GIB)])
    values = {"run_id": run["id"], "number": 1, "agent_id": AGENT, "token": run["id"], "devices_json": devices}
    return values | {"granted_at": run["started_at"], "ended_at": ended_at}


def _change(run: dict[str, Any], step: int) -> dict[str, Any]:
    states = [None, "queued", "starting", "running", "finished"]
    values = {"run_id": run["id"], "at": run["created_at"] + step, "before": states[step], "after": states[step + 1]}
    return values | {"by": run["owner"]}


def _insert(database: Database, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    waiting: list[dict[str, Any]] = []
    with database.engine.begin() as conn:
        for row in rows:
            waiting.append(row)
            if len(waiting) == _AT_ONCE:
                conn.execute(sa.insert(table), waiting)
                waiting = []
        if waiting:
            conn.execute(sa.insert(table), waiting)
