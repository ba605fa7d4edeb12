"""Children: the runs that a run's own code logs. Their events are taken out of its log, and into logs of their own.

What is written there ends with the place up to which the parent's log was taken, so that it is not written twice:
neither where a transaction was undone or its process killed, nor where both logs are read anew.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.events import Child, Cursor
from gpurun_jupyter.core.home import AttemptFolder, RunFolder, write_whole
from gpurun_jupyter.core.runs import LOGGED_KIND
from gpurun_jupyter.core.system.records import open_plain
from gpurun_server.queue.intake.logged_runs import NewRun, make, start, take_in, take_up
from gpurun_server.queue.intake.stretches import Stretch
from gpurun_server.store.database import Writing
from gpurun_server.store.disk import refusal_of
from gpurun_server.store.folders import own_logs
from gpurun_server.store.folders.records import RunRecord, read
from gpurun_server.store.tables import runs

log = logging.getLogger("gpurun.queue")

#: A run has so many children at most that it names itself.
_MOST = 10_000
_DIGITS = 20

#: What a log says of a child, each with the byte behind which it is said.
Told: TypeAlias = Sequence[tuple[int, Child]]

_ONE = sa.select(runs.c.kind, runs.c.owner, runs.c.parent).where(runs.c.id == sa.bindparam("run"))
_HOW_MANY = sa.select(sa.func.count()).where(runs.c.parent == sa.bindparam("parent"))


def take_children(writing: Writing, stretch: Stretch) -> None:
    """What a stretch of a log says of children, into their logs and rows."""
    if not stretch.digest.children:
        return
    family = _Family(writing, stretch)
    for run_id, told in stretch.digest.children.items():
        if family.has(run_id, *told[0]):
            with _leaving_out_what_is_spoilt(run_id):
                _write_what_is_new(writing.home.attempt(run_id, 1), stretch, told)
                take_in(writing, writing.home, run_id)
            writing.rings.add(f"log {run_id}")
    if not stretch.replayed:
        with _leaving_out_what_is_spoilt(stretch.run_id):
            # last: whom it names before this place and who is not there has been deleted
            write_whole(stretch.folder.children, str(stretch.offset).encode())


def _write_what_is_new(folder: AttemptFolder, stretch: Stretch, told: Told) -> None:
    is_empty, taken = not own_logs.whole_bytes(folder), _taken(folder)
    new = [one for place, one in told if Cursor(stretch.attempt, place) > taken]
    if not new:
        return
    happened: list[events.Event] = [msgspec.structs.replace(one.event, t=one.t, m=one.m) for one in new]
    if is_empty and not isinstance(happened[0], events.Start):
        happened.insert(0, start(new[0].t, new[0].m))
    place = {own_logs.LOG_PLACE: str(Cursor(stretch.attempt, stretch.offset))}
    own_logs.append(folder, [*happened, events.Meta(values=place, t=new[-1].t, m=new[-1].m)])


def _taken(folder: AttemptFolder) -> Cursor:
    """Up to which place of its parent's log a child was taken out of that."""
    with contextlib.suppress(InvalidRequest):
        return Cursor.parse(str(own_logs.last_fact(folder.events, own_logs.LOG_PLACE)[0] or ""))
    return Cursor(0, 0)


def _made_before(folder: AttemptFolder) -> int:
    """Up to which byte of its log the children of an attempt were there once."""
    with contextlib.suppress(FileNotFoundError, ValueError), open_plain(folder.children) as file:
        return int(file.read(_DIGITS))
    return 0


@contextlib.contextmanager
def _leaving_out_what_is_spoilt(run_id: str) -> Iterator[None]:
    """A run can reach the folders of its children, and its own: that costs it what is there, and nobody else anything.

    Raises OSError for a disk that takes nothing: all of it is taken in another time.
    """
    try:
        yield
    except OSError as error:
        if refusal_of(error) is not None:
            raise
        log.warning("run %s: what is logged to it is left out: %s", run_id, error)


class _Family:
    """Who are children of a run, which can name any run in its log; new ones are made."""

    def __init__(self, writing: Writing, stretch: Stretch) -> None:
        self._writing = writing
        self._home = writing.home
        self._stretch = stretch
        self._made_before = _made_before(stretch.folder) if stretch.replayed else 0
        self._room = _MOST - int(writing.conn.scalar(_HOW_MANY, {"parent": stretch.run_id}) or 0)

    def has(self, run_id: str, place: int, first: Child) -> bool:
        """Whether it is a child, or is by now: it is made where there is no such run yet.

        `first` is what the log says of it first, before the byte `place`.
        """
        if run_id == self._stretch.run_id:
            return False
        if self._writing.conn.execute(_ONE, {"run": run_id}).first() is not None:
            return self._is_below(run_id)
        folder = self._home.run(run_id)
        if folder.record.exists():  # whoever made it was killed, or the database is a new one
            return self._take_up(folder)
        return place > self._made_before and self._make(first)

    def _is_below(self, run_id: str | None) -> bool:
        seen: set[str] = set()
        while run_id is not None and run_id not in seen:
            seen.add(run_id)
            row = self._writing.conn.execute(_ONE, {"run": run_id}).first()
            if row is None or row.kind != LOGGED_KIND or row.owner != self._stretch.row.owner:
                return False
            if row.parent == self._stretch.run_id:
                return True
            run_id = row.parent
        return False

    def _take_up(self, folder: RunFolder) -> bool:
        try:
            record = read(folder)
        except ValueError:
            return False
        if not self._is_of_the_family(record):
            return False
        take_up(self._writing, self._home, record, by=self._stretch.by)
        return True

    def _is_of_the_family(self, record: RunRecord) -> bool:
        parent = record.spec.parent
        is_ours = record.spec.kind == LOGGED_KIND and record.owner == self._stretch.row.owner
        return is_ours and (parent == self._stretch.run_id or self._is_below(parent))

    def _make(self, child: Child) -> bool:
        if self._room <= 0:
            return False
        self._room -= 1
        row = self._stretch.row
        new = NewRun(
            id=child.run,
            name=child.name or child.run,
            project=row.project,
            owner=row.owner,
            parent=child.parent if self._is_below(child.parent) else self._stretch.run_id,
            began_at=child.t,
        )
        try:
            make(self._writing, self._home, new, by=self._stretch.by)
        except InvalidRequest as error:  # such as for the project of a run that an older gpurun accepted
            log.warning("run %s: what is said of its child %s is left out: %s", self._stretch.run_id, child.run, error)
            return False
        return True
