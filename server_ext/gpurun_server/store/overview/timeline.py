"""Who used which device when: the attempts of a stretch of time, and the share of it that each device was in use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.core.runs import HEARD_OF
from gpurun_server.store.queries import decode_devices
from gpurun_server.store.tables import attempts, runs

#: So many attempts are told one by one; the use of devices is reckoned from more.
_MOST_TOLD = 2000
_MOST_READ = 20_000


class Lane(msgspec.Struct):
    """One attempt on its devices; `end` is None while it has them. State and outcome are those of its run.

    Of the runs of others only the owner is told: `run_id` is None.
    """

    run_id: str | None
    name: str
    project: str
    owner: str
    attempt: int
    agent: str
    devices: list[str]
    start: float
    end: float | None
    state: State
    outcome: Outcome | None


class DeviceShare(msgspec.Struct):
    """A device, and which share of each part of the time it was in use (0 to 1)."""

    agent: str
    device: str
    busy: list[float]


class Timeline(msgspec.Struct):
    """Attempts between two times (seconds since the epoch), newest first; not `complete` where there were more."""

    after: float
    before: float
    attempts: list[Lane]
    use: list[DeviceShare]
    complete: bool


def timeline(conn: sa.Connection, viewer: str, after: float, before: float, *, parts: int, now: float) -> Timeline:
    """What ran between two times, as `viewer` may see it, and each device's use in so many parts of that time."""
    rows = conn.execute(_between(after, before)).all()
    found = [_lane(row, viewer) for row in rows]
    use = _shares(found, after, before, parts, now)
    return Timeline(after, before, found[:_MOST_TOLD], use, len(found) <= _MOST_TOLD)


def _between(after: float, before: float) -> sa.Select[Any]:
    shown = (runs.c.name, runs.c.project, runs.c.owner, runs.c.state, runs.c.outcome, runs.c.attempt)
    meets = (attempts.c.granted_at < before, sa.or_(attempts.c.ended_at.is_(None), attempts.c.ended_at > after))
    return (
        sa.select(attempts, *shown)
        .join(runs, runs.c.id == attempts.c.run_id)
        .where(*meets, runs.c.deleted_at.is_(None), runs.c.kind.not_in(HEARD_OF))
        .order_by(attempts.c.granted_at.desc())
        .limit(_MOST_READ)
    )


def _lane(row: Any, viewer: str) -> Lane:
    own = row.owner == viewer
    is_last = row.number == row.attempt
    return Lane(
        run_id=row.run_id if own else None,
        name=row.name if own else f"a run of {row.owner}",
        project=row.project if own else "",
        owner=row.owner,
        attempt=row.number,
        agent=row.agent_id,
        devices=[device.label for device in decode_devices(row.devices_json)],
        start=row.granted_at,
        end=row.ended_at,
        state=State(row.state) if is_last else State.FINISHED,
        outcome=None if row.outcome is None else Outcome(row.outcome) if is_last else Outcome.FAILED,
    )


def _shares(found: Iterable[Lane], after: float, before: float, parts: int, now: float) -> list[DeviceShare]:
    width = (before - after) / parts
    shares: dict[tuple[str, str], DeviceShare] = {}
    for lane in found:
        start, end = max(lane.start, after), min(lane.end or now, before)
        for device in lane.devices:
            share = shares.setdefault((lane.agent, device), DeviceShare(lane.agent, device, [0.0] * parts))
            _add(share.busy, (start - after) / width, (end - after) / width)
    for share in shares.values():  # runs that share a GPU use it once
        share.busy = [round(min(1.0, part), 3) for part in share.busy]
    return sorted(shares.values(), key=lambda share: (share.agent, share.device))


def _add(busy: list[float], start: float, end: float) -> None:
    """Add a stretch, told in parts."""
    for part in range(int(start), min(len(busy), int(end) + 1)):
        busy[part] += max(0.0, min(end, part + 1) - max(start, part))
