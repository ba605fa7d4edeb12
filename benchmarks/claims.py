"""Claims from a queue of 10,000 with 100,000 finished runs in the database, beside those of bare SQLite.

A claim is what an agent does at its heartbeat: one transaction that takes down its report, plans and grants. `batches`:
its 16 GPUs have become free together; `one at a time`: one of them has.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path

import filled
from figures import Figure, median, shown

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.grants import Report
from gpurun_jupyter.core.system.processes import boot_id
from gpurun_server.queue.agents.claims import claim
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.store.database import Database

QUEUED, GPUS = 10_000, 16
CLAIMED = {GPUS: 1_600, 1: 200}  # runs by size of the batch: enough for a median

_BARE = """UPDATE runs SET state = 'starting', agent_id = 'lab' WHERE seq IN
    (SELECT seq FROM runs INDEXED BY runs_queue WHERE state = 'queued'
        ORDER BY priority DESC, seq LIMIT ?) RETURNING id"""


def figures() -> list[Figure]:
    """Claims a second."""
    with tempfile.TemporaryDirectory() as folder:
        home, database = filled.database_in(Path(folder) / "home")
        devices = filled.join(database, GPUS)
        filled.add(database, "queued", QUEUED)
        ledger = Ledger()
        found = [_measured(database, ledger, home.database, devices, size) for size in CLAIMED]
        database.close()
    return found


def _measured(database: Database, ledger: Ledger, file: Path, devices: list[Device], size: int) -> Figure:
    taken_s = [_claim(database, ledger, devices, size) for _ in range(CLAIMED[size] // size)]
    ours, bare = size / median(taken_s), size / median(_bare_s(file, size))
    name = f"in batches of {size}" if size > 1 else "one at a time"
    beside = f"bare SQLite {shown(bare, '/s')}; {shown(1000 * median(taken_s), 'ms')} for a claim"
    return Figure(f"claims {name}", ours, "/s", 2_000, 10_000, beside, more_is_better=True)


def _claim(database: Database, ledger: Ledger, devices: list[Device], size: int) -> float:
    """One claim of `size` runs, which have ended when this returns; how long it took, in seconds."""
    report = Report(agent_id=filled.AGENT, host="lab", version="1", boot=boot_id(), devices=devices[:size], holding=[])
    start = time.perf_counter()
    with database.write() as writing:
        orders = claim(writing, ledger, report)
    taken_s = time.perf_counter() - start
    assert len(orders.grants) == size, orders
    filled.let_end(database, [grant.run_id for grant in orders.grants])
    return taken_s


def _bare_s(file: Path, size: int) -> list[float]:
    """The same number of rows by one statement of SQLite; they are given back at the end."""
    conn = sqlite3.connect(file, isolation_level=None)
    conn.execute("PRAGMA synchronous=NORMAL")
    taken = []
    for _ in range(CLAIMED[size] // size):
        start = time.perf_counter()
        conn.execute(_BARE, (size,)).fetchall()
        taken.append(time.perf_counter() - start)
    conn.execute("UPDATE runs SET state = 'queued', agent_id = NULL WHERE state = 'starting'")
    conn.close()
    return taken
