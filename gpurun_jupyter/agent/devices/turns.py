"""What an agent sees of the machine-wide locks, and whose turn it is on a GPU that several agents want.

An agent that starts a run the moment the last one ends would keep a GPU for ever from one that looks every two seconds.
So an agent with a queue that finds a GPU held by somebody else takes a ticket, a lock beside the GPU's own; when the
GPU is free, whoever has no ticket leaves it to the one who has. POSIX only.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path

from gpurun_jupyter.agent.devices.device_locks import removal
from gpurun_jupyter.agent.devices.lock_files import (
    Holder,
    home_mark,
    lock_path,
    locks_folder,
    open_lock,
    try_lock,
    write_holder,
)
from gpurun_jupyter.agent.devices.lock_holders import Held, named, who_holds
from gpurun_jupyter.agent.devices.presence import present
from gpurun_jupyter.core.devices import Device, DeviceProcess
from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.home import Home

#: A ticket on a free GPU is worth this much: its holder's queue may want something else, such as two GPUs at once.
TURN_S = 6.0
#: A free GPU is left to another's ticket for so long: its holder may be suspended.
YIELD_S = 10.0

_LOOK_AGAIN_S = 0.001

log = logging.getLogger("gpurun.agent")


class Turns:
    """The locks of a machine's GPUs as one agent sees them. `look` is called at each reading."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._mark = home_mark(home)
        self._tickets: dict[str, int] = {}
        self._free_since: dict[str, float] = {}
        self._said: dict[str, str] = {}

    def look(self, devices: Iterable[Device], *, wanting: bool) -> None:
        """Mark the devices that others hold, or whose turn it is. `wanting`: runs are waiting here."""
        folder = locks_folder()
        for device in devices:
            if device.kind != "cpu":
                self._look(folder, device, wanting)

    def close(self) -> None:
        """Give all tickets back."""
        for device_id in list(self._tickets):
            self._give_back(device_id)

    def _look(self, folder: Path, device: Device, wanting: bool) -> None:
        held = _held(folder, device)
        removed = self._say_removed(folder, device, held)
        if held is None and removed:
            held = named(removed[0])
        if held is None:
            return self._look_at_free(folder, device)
        self._free_since.pop(device.id, None)
        if self._is_ours(held):
            return self._give_back(device.id)  # what the ticket was for is had
        _mark_locked(device, held)
        return (self._take_ticket if wanting else self._give_back)(device.id)

    def _is_ours(self, held: Held) -> bool:
        return held.home == self._mark and (held.process is None or held.process.uid == os.geteuid())

    def _say_removed(self, folder: Path, device: Device, held: Held | None) -> list[int]:
        """Who is at work on it without the lock, which is said once: somebody has removed it, or put another there."""
        pids = _without_lock(folder, device, held)
        if not pids or _without_lock(folder, device, _held(folder, device)) != pids:  # only just taken, or let go
            return []
        said = f"{device.label} {removal(folder, pids)}"
        if self._said.get(device.id) != said:
            self._said[device.id] = said
            log.warning("%s", said)
        return pids

    def _look_at_free(self, folder: Path, device: Device) -> None:
        free_s = time.monotonic() - self._free_since.setdefault(device.id, time.monotonic())
        if device.id in self._tickets:
            if free_s > TURN_S:  # and not before, even if nothing waits here any more: a runner may be on its way
                self._give_back(device.id)
        elif free_s < YIELD_S:
            next_one = _holder(_ticket_path(folder, device.id))
            if next_one is not None:
                _mark_locked(device, next_one)

    def _take_ticket(self, device_id: str) -> None:
        if device_id in self._tickets:
            return
        with contextlib.suppress(OSError, StorageUnusable):
            fd = open_lock(_ticket_path(locks_folder(), device_id))
            if try_lock(fd):
                write_holder(fd, Holder.this_process(self._home, "waiting"))
                self._tickets[device_id] = fd
            else:
                os.close(fd)  # another waits there already: one ticket for each GPU

    def _give_back(self, device_id: str) -> None:
        fd = self._tickets.pop(device_id, None)
        if fd is not None:
            os.close(fd)


def _ticket_path(folder: Path, device_id: str) -> Path:
    path = lock_path(folder, device_id)
    return path.with_name(f"{path.name}.next")


def _held(folder: Path, device: Device) -> Held | None:
    return _holder(lock_path(folder, device.id), folder, device.id)


def _without_lock(folder: Path, device: Device, held: Held | None) -> list[int]:
    return sorted({*(present(folder, device.id) or ())} - {*(held.pids if held else ())})


def _holder(path: Path, folder: Path | None = None, device_id: str = "") -> Held | None:
    """Who has this lock, None if it is free.

    A file that cannot be looked at counts as free: the runner that wants it says what is wrong, and with what remedy.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if try_lock(fd):
            return None
        time.sleep(_LOOK_AGAIN_S)  # it may only have been another agent that looked
        if try_lock(fd):
            return None
        return who_holds(fd, present(folder, device_id) if folder else None)
    finally:
        os.close(fd)  # with the lock, if it could be had: it was only for the look


def _mark_locked(device: Device, held: Held) -> None:
    device.locked, device.locked_by = True, held.says
    if held.process is not None and held.process.pid not in {process.pid for process in device.processes}:
        device.processes = [*device.processes, DeviceProcess(pid=held.process.pid, user=held.process.user)]
