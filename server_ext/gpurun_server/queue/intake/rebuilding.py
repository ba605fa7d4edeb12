"""Runs taken up from their folders, by a database that lacks them: `run.json`, logs and exit records say all."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.environments import Recorded
from gpurun_jupyter.core.errors import AmbiguousRun, RunNotFound
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Grant, Stop
from gpurun_jupyter.core.home import AttemptFolder, Home, RunFolder, is_number
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_jupyter.core.runs import FILES_KIND, HEARD_OF, LOGGED_KIND
from gpurun_jupyter.core.system.locks import holder
from gpurun_jupyter.core.system.records import read_record
from gpurun_server.queue.intake import logged_runs
from gpurun_server.queue.intake.ingest import ingest
from gpurun_server.queue.intake.run_rows import insert
from gpurun_server.queue.lifecycle.ending import end_attempt
from gpurun_server.queue.lifecycle.transitions import move, touch
from gpurun_server.queue.upkeep.deletion import deleted_at
from gpurun_server.store.database import Writing
from gpurun_server.store.folders.logs import with_duration
from gpurun_server.store.folders.records import RunRecord
from gpurun_server.store.queries import by_id, encode, find
from gpurun_server.store.statements import insert_into
from gpurun_server.store.tables import attempts, predecessors

BY = "reindex"

#: What stands for the agent of runs that another tool carries out and describes in plain files.
FILES_AGENT = FILES_KIND

_HELD = "It waited, or was cancelled before it began; `gpurun start` queues it."


def take_up(writing: Writing, home: Home, one: RunRecord, *, by: str = BY) -> State:
    """Add a run that the database lacks, as its folder says that it is; returns its state.

    One that never began stays on hold: the folder does not say whether it was cancelled. One whose runner lives is
    running, for the agent of this machine to adopt. One that was deleted is so again, and can be
    restored until it would have been gone.
    """
    if one.spec.kind == LOGGED_KIND:
        logged_runs.take_up(writing, home, one, by=by)
        logged_runs.take_in(writing, home, one.id)
    else:
        _take_up_attempts(writing, home, one, by)
    found = by_id(writing.conn, one.id)
    assert found is not None
    return State(found.state)


def _take_up_attempts(writing: Writing, home: Home, one: RunRecord, by: str) -> None:
    tried = attempts_of(home.run(one.id))
    # before its own row is there, which `last` or its name would mean; who has begun waits for nobody
    before = [] if tried else _predecessors(writing, one)
    held = {} if tried or one.spec.hold else {"message": _HELD}
    insert(writing, one, State.QUEUED if tried else State.CREATED, by, **held)
    for after_id in before:
        writing.conn.execute(insert_into(predecessors), {"run_id": one.id, "after_id": after_id})
    if tried:
        _replay(writing, home, one, tried, by)
    if (at := deleted_at(home.run(one.id))) is not None:
        touch(writing, one.id, deleted_at=at)


def attempts_of(folder: RunFolder) -> list[int]:
    """The attempts that there have been, by number; not those that found their devices taken."""
    numbers = sorted(int(path.name) for path in folder.path.glob("attempts/*") if is_number(path.name))
    return [number for number in numbers if not _never_began(folder.attempt(number))]


def _never_began(folder: AttemptFolder) -> bool:
    # with a log it did begin, whatever its record says
    end = None if folder.events.exists() else _exit_of(folder)
    return end is not None and end.reason is Reason.DEVICES_TAKEN


def _predecessors(writing: Writing, one: RunRecord) -> set[str]:
    """The ids of the runs that it still has to come after. Those were accepted before it, and so are there again."""
    found = set()
    for reference in one.spec.after:
        with contextlib.suppress(RunNotFound, AmbiguousRun):  # it comes back on hold anyway
            before = find(writing.conn, reference, one.owner)
            found |= {str(before.id)} if before.state != State.FINISHED.value else set()
    return found


def _replay(writing: Writing, home: Home, one: RunRecord, tried: Sequence[int], by: str) -> None:
    """Let the last attempt happen again, at its own times; those before it have only their place in the count."""
    for number in tried:
        _insert_attempt(writing, one, number, home.attempt(one.id, number), is_last=number == tried[-1])
    folder = home.attempt(one.id, tried[-1])
    agent, devices = agent_of(one, folder), _devices_of(folder)
    move(
        writing,
        one.id,
        State.STARTING,
        by=by,
        at=_written_at(folder.grant) or one.created_at,
        attempt=tried[-1],
        agent_id=agent,
        devices_json=encode([device.label for device in devices]),
        # a run that is over must not be tried again when its end is read
        retries_left=max(0, one.spec.retries - len(tried) + 1) if _lives(folder) else 0,
    )
    while ingest(writing, one.id, tried[-1], folder.events, by, replayed=True):
        pass
    _settle(writing, one, tried[-1], folder, by)


def _insert_attempt(writing: Writing, one: RunRecord, number: int, folder: AttemptFolder, *, is_last: bool) -> None:
    grant = _grant_of(folder)
    granted_at = _written_at(folder.grant) or one.created_at
    row = {
        "run_id": one.id,
        "number": number,
        "agent_id": agent_of(one, folder),
        "token": grant.token if grant else secrets.token_hex(16),
        "devices_json": encode(_devices_of(folder)),
        "granted_at": granted_at,
        "ended_at": None if is_last else _written_at(folder.exit) or granted_at,
    }
    writing.conn.execute(insert_into(attempts), row)


def _settle(writing: Writing, one: RunRecord, number: int, folder: AttemptFolder, by: str) -> None:
    """What is to be said of a run whose log has no end."""
    row = by_id(writing.conn, one.id)
    assert row is not None
    if row.state == State.FINISHED.value or one.spec.kind in HEARD_OF:
        return
    here = row.agent_id == socket.gethostname()
    if (end := _exit_of(folder)) is not None:
        end_attempt(writing, one.id, number, with_duration(end, folder.events), by, at=_written_at(folder.exit))
    elif not here:  # its machine knows how it is, and will report
        move(writing, one.id, State.LOST, by=by, message=f"agent {row.agent_id} has not been heard since")
    elif folder.events.exists() and not _lives(folder):
        message = "The runner is gone without a word; its log ends where it was."
        killed = End(outcome=Outcome.FAILED, reason=Reason.RUNNER_KILLED, message=message)
        killed = with_duration(killed, folder.events)
        end_attempt(writing, one.id, number, killed, by, at=_written_at(folder.events))
    elif folder.stop.exists():
        stop = read_record(folder.stop, Stop) or Stop(one.id, number, by="somebody")
        move(writing, one.id, State.STOPPING, by=by, stop_by=stop.by, stop_kill=stop.kill)


def agent_of(one: RunRecord, folder: AttemptFolder) -> str:
    """Whose attempt it was: the machine that is written down, else this one."""
    if one.spec.kind in HEARD_OF:
        return one.spec.kind
    recorded = read_record(folder.environment, Recorded)
    return (recorded and recorded.host) or socket.gethostname()


def _lives(folder: AttemptFolder) -> bool:
    """Whether its runner is at work; that of a session lives on when an attempt is over."""
    return holder(folder.runner, folder.lock) is not None and not folder.exit.exists()


def _grant_of(folder: AttemptFolder) -> Grant | None:
    return read_record(folder.grant, Grant)


def _devices_of(folder: AttemptFolder) -> list[Device]:
    grant = _grant_of(folder)
    return grant.devices if grant else []


def _exit_of(folder: AttemptFolder) -> End | None:
    return read_record(folder.exit, End)


def _written_at(path: Path) -> float | None:
    try:
        return min(path.stat().st_mtime, time.time())  # a run can give its files any time
    except FileNotFoundError:
        return None
