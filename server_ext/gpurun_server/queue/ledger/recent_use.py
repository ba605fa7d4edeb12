"""What owners had of late: kept as one number for each, so that a claim need not look at what has ended."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

import sqlalchemy as sa

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.sessions import Session
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.placement.cells import share
from gpurun_server.queue.placement.shares import Lately, faded, had, nothing
from gpurun_server.store.queries import decode_devices, decode_spec
from gpurun_server.store.statements import KEY, insert_into
from gpurun_server.store.tables import attempts, runs, uses

_ALL = sa.select(uses).where(uses.c.cpu == sa.bindparam("on_cpu"))
_OF = sa.and_(uses.c.owner == sa.bindparam("of"), uses.c.cpu == sa.bindparam("on_cpu"))
_ONE = sa.select(uses.c.devices, uses.c.at).where(_OF)
_CHANGED = sa.update(uses).where(_OF).values(devices=sa.bindparam("now_devices"), at=sa.bindparam("now"))
_OPEN = (
    sa.select(runs.c.owner, runs.c.spec_json, attempts.c.devices_json, attempts.c.granted_at)
    .join(attempts, attempts.c.run_id == runs.c.id)
    .where(runs.c.id == sa.bindparam(KEY), runs.c.session.is_(None), attempts.c.ended_at.is_(None))
)


def lately(conn: sa.Connection, ledger: Ledger, sessions: Sequence[Session], *others: str) -> Lately:
    """What fair share counts beside the devices of now; nothing where one person alone waits, `others` included.

    A session counts from its begin to its end, whether something goes on in it or not; its runs then do not.
    """
    if len({line[0].owner for line in ledger.lines.values()}.union(others)) < 2:
        return nothing
    return partial(_read, conn, ledger, sessions)  # when it is asked for: many a round finds that all is at work


def _read(conn: sa.Connection, ledger: Ledger, sessions: Sequence[Session], cpu: bool) -> Mapping[str, float]:
    now = time.time()
    found: dict[str, float] = defaultdict(float)
    for row in conn.execute(_ALL, {"on_cpu": cpu}):
        found[row.owner] = faded(row.devices, now - row.at)
    for (on_cpu, owner), theirs in ledger.running.of_owners.items():
        if on_cpu == cpu:
            found[owner] += theirs.had(now)
    for session in sessions:
        if session.devices and (session.devices[0].kind == "cpu") == cpu:
            found[session.owner] += had(len(session.devices), now - session.created_at)
    return found


def book_attempt(conn: sa.Connection, run_id: str, ended_at: float) -> None:
    """An attempt of this run ends, if one goes on."""
    for row in conn.execute(_OPEN, {KEY: run_id}).all():
        memory_bytes = decode_spec(row.spec_json).gpu_mem_bytes
        book(conn, row.owner, decode_devices(row.devices_json), memory_bytes, row.granted_at, ended_at)


def book(
    conn: sa.Connection,
    owner: str,
    devices: Sequence[Device],
    memory_bytes: int | None,
    since: float,
    until: float,
) -> None:
    """Add that somebody had devices from one time to another. For the one writer that there is at a time."""
    if not devices:
        return
    cpu, now = devices[0].kind == "cpu", time.time()  # all of one kind: a run never has both
    # what ended some time ago has faded since
    added = faded(had(sum(share(one, memory_bytes) for one in devices), until - since), now - until)
    before = conn.execute(_ONE, {"of": owner, "on_cpu": cpu}).first()
    if before is None:
        conn.execute(insert_into(uses), {"owner": owner, "cpu": cpu, "devices": added, "at": now})
    else:
        all_of_it = faded(before.devices, now - before.at) + added
        conn.execute(_CHANGED, {"of": owner, "on_cpu": cpu, "now_devices": all_of_it, "now": now})
