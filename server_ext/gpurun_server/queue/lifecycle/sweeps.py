"""A sweep: a run for each combination of some values, accepted together or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.errors import InvalidRequest, TooLarge
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.launch.check import LONGEST_NAME
from gpurun_jupyter.core.launch.grid import combinations, is_sweep
from gpurun_jupyter.core.runs import RunSpec, Waiting
from gpurun_jupyter.core.secrets import needed_on
from gpurun_server.queue.ledger.known_agents import offers
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.ledger.recent_use import lately
from gpurun_server.queue.ledger.running_attempts import STOPPING_S
from gpurun_server.queue.ledger.sessions import all_sessions
from gpurun_server.queue.ledger.situation import holders, waiting_runs
from gpurun_server.queue.lifecycle.accept import accept, default_name
from gpurun_server.queue.lifecycle.devices_wanted import gpus_wanted
from gpurun_server.queue.placement.offers import Offer, Wanted
from gpurun_server.queue.placement.waiting import outlooks
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import encode, owned_by
from gpurun_server.store.tables import runs

#: The tag that the runs of a sweep have in common, with the sweep's name behind it.
TAG = "sweep:"

_HIGHEST = 1000  # priority
_MOST_BYTES = 64 * 2**20  # of what all runs of a sweep are asked for


def specs_of(spec: RunSpec, grid: Mapping[str, Any]) -> list[RunSpec]:
    """The runs of a sweep, or the one run where nothing is a list. Raises InvalidRequest."""
    return [msgspec.structs.replace(spec, values=spec.values | values) for values in combinations(grid)]


def accept_sweep(
    writing: Writing,
    home: Home,
    spec: RunSpec,
    grid: Mapping[str, Any],
    *,
    owner: str,
    everybody: Sequence[Offer],
    key: str | None = None,
    rerun_of: str | None = None,
    note: str = "",
) -> list[str]:
    """Queue a run for each combination and return their ids; NAME/1, NAME/2, ... where there are lists.

    A second sweep of a name is called NAME-2, so that a run's name says which it is of. The same `key` gives the runs
    that it gave before. Raises InvalidRequest and NoSuchDevices, and then nothing is queued.
    """
    specs = specs_of(spec, grid)
    if is_sweep(grid):
        # of no use where this was accepted before: then the keys below find its runs
        name = free_name(writing.conn, owner, spec.name or default_name(writing.conn, spec))
        specs = [
            msgspec.structs.replace(one, name=f"{name}/{number}", tags=[*one.tags, TAG + name])
            for number, one in enumerate(specs, 1)
        ]
    if len(encode(specs[0])) * len(specs) > _MOST_BYTES:
        raise TooLarge("The runs of this sweep would say more than 64 MB in all.", "Ship long texts as files.")
    keys = [None if key is None else f"{key}/{number}" for number in range(1, len(specs) + 1)]
    return [
        accept(writing, home, one, owner=owner, offers=everybody, key=of_this, rerun_of=rerun_of, note=note)
        for one, of_this in zip(specs, keys, strict=True)
    ]


def ahead_of(conn: sa.Connection, owner: str, priority: int) -> int:
    """The priority with which a run starts before all others of its owner that wait."""
    mine = sa.select(sa.func.max(runs.c.priority)).where(owned_by(owner), runs.c.state == "queued")
    highest = conn.scalar(mine)
    return priority if highest is None else min(_HIGHEST, max(priority, highest + 1))


def judged(conn: sa.Connection, ledger: Ledger, specs: Sequence[RunSpec], owner: str) -> list[Waiting]:
    """Where each of these runs would stand in the queue, why it would wait and until when; nothing is queued.

    Raises InvalidRequest and NoSuchDevices.
    """
    everybody = offers(conn, ledger)
    queue = waiting_runs(conn, ledger)
    newest = max((one.seq for one in queue), default=0)
    supposed = [_supposed(spec, everybody, owner, newest + number) for number, spec in enumerate(specs, 1)]
    sessions = all_sessions(conn, ledger)
    held, had = holders(ledger, sessions), lately(conn, ledger, sessions, owner)
    names = {one.run_id for one in supposed}
    told = outlooks([*queue, *supposed], everybody, held, only=names, viewer=owner, lately=had)
    return [told[one.run_id] for one in supposed]


def _supposed(spec: RunSpec, everybody: Sequence[Offer], owner: str, seq: int) -> Wanted:
    return Wanted(
        run_id=f"/{seq}",  # no run has such an id
        gpu=gpus_wanted(spec, everybody),
        priority=spec.priority,
        seq=seq,
        owner=owner,
        name=spec.name or "",
        memory_bytes=spec.gpu_mem_bytes,
        pin=spec.device,
        on=needed_on(spec),
        limit_s=None if spec.timeout_s is None else spec.timeout_s + STOPPING_S,
        after=tuple(spec.after),
        session=spec.session,
        kernel=spec.kernel,
    )


def free_name(conn: sa.Connection, owner: str, name: str) -> str:
    """The name, or the first of NAME-2, NAME-3, ... of which the owner has no sweep. Raises InvalidRequest."""
    if len(name) > LONGEST_NAME or "/" in name:
        raise InvalidRequest(f"The name of a sweep has at most {LONGEST_NAME} characters and no slash.", "Shorten it.")
    number, free = 1, name
    while conn.scalar(sa.select(runs.c.seq).where(runs.c.name == f"{free}/1", owned_by(owner)).limit(1)):
        number += 1
        free = f"{name}-{number}"
    return free
