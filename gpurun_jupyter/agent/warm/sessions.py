"""The sessions of an agent, each held by a process of its own; all that is known of them lies in their folders."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping

from gpurun_jupyter.agent.processes.marked import kill_session
from gpurun_jupyter.agent.processes.orphans import end_orphans
from gpurun_jupyter.agent.runner.session_folder import Order, Record, give_order, living_session
from gpurun_jupyter.core.grants import Grant, SessionName, SessionState
from gpurun_jupyter.core.home import AttemptFolder, Home, SessionFolder
from gpurun_jupyter.core.system.processes import Identity


class Sessions:
    """What the agent asks of its sessions. `idle_s`: a session without attempts for so long is ended."""

    def __init__(self, home: Home, idle_s: float) -> None:
        self._home = home
        self._idle_s = idle_s
        self._used_at: dict[SessionName, float] = {}  # by the clock of time.monotonic

    def states(self, busy: Mapping[SessionName, str]) -> list[SessionState]:
        """The sessions there are; those that have been idle for long are told to end.

        `busy` says which attempts they carry out. An agent that was restarted counts idleness from then on.
        """
        now = time.monotonic()
        used_at, self._used_at = self._used_at, {}  # sessions that are gone are forgotten so
        states = []
        for folder, record in self._living():
            name = SessionName(record.owner, record.name)
            self._used_at[name] = now if name in busy else used_at.get(name, now)
            idle_s = now - self._used_at[name]
            if idle_s > self._idle_s:
                give_order(folder, Order("end"))
            states.append(_state(record, busy.get(name), idle_s))
        return states

    def there(self) -> bool:
        """Whether there is one."""
        return next(self._living(), None) is not None

    def hand_over(self, attempt: AttemptFolder, grant: Grant) -> Identity | None:
        """Give a session its next attempt; the holder, or None where there is no such session."""
        if grant.session is None:
            return None
        folder = self._folder(grant.session)
        record = self._record(folder)
        given = record is not None and give_order(folder, Order("attempt", str(attempt.path)))
        return record.holder if record is not None and given else None

    def end_all(self) -> None:
        """End every one; what it carries out is its agent's to end."""
        for folder, _ in self._living():
            give_order(folder, Order("end"))

    def order(self, name: SessionName, what: Order) -> None:
        """Pass on an order."""
        folder = self._folder(name)
        if self._record(folder) is not None:
            give_order(folder, what)

    def _folder(self, name: SessionName) -> SessionFolder:
        return self._home.session(name.owner, name.name)

    def _living(self) -> Iterator[tuple[SessionFolder, Record]]:
        if self._home.sessions.is_dir():
            for path in sorted(self._home.sessions.iterdir()):
                folder = SessionFolder(path)
                if (record := self._record(folder)) is not None:
                    yield folder, record

    def _record(self, folder: SessionFolder) -> Record | None:
        """The record of a session; where the holder was killed, what it left is ended first."""
        record = living_session(folder)
        if record is None and os.path.lexists(folder.record):
            end_orphans()
            kill_session(str(folder.path))
            shutil.rmtree(folder.path, ignore_errors=True)
        return record


def _state(record: Record, busy: str | None, idle_s: float) -> SessionState:
    return SessionState(
        owner=record.owner,
        name=record.name,
        kernel=record.kernel,
        devices=record.devices,
        busy=busy,
        idle_s=round(idle_s, 1),
    )
