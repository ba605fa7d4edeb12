"""Machine-wide locks: a file for each GPU and MIG slice, in a directory that all users of the machine share.

A runner holds the locks of its devices for its whole life, so two state directories, two users or a re-joined engine
node never use a GPU at once by accident. A lock ends with its process, however that ends. CPU slots have none.
POSIX only.

Runs that share a GPU by declared memory hold its lock together, but only those of one state directory: each of these
counts the memory of its own runs alone.

Where somebody has removed a lock that is held, who comes next finds its file free, but the holder present
(`presence.py`), and leaves the GPU alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gpurun_jupyter.agent.devices.lock_files import (
    VARIABLE,
    Holder,
    keep_from_cleaners,
    lock_path,
    locks_folder,
    open_lock,
    owner_of,
    prepared,
    still_there,
    try_lock,
    write_holder,
)
from gpurun_jupyter.agent.devices.lock_holders import named, who_holds
from gpurun_jupyter.agent.devices.presence import announce, possible, present
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.errors import GpurunError, StorageUnusable

#: So long a runner tries: agents look at a lock by taking it for an instant, and a run before it may be ending.
PATIENCE_S = 1.0

_RETRY_S = 0.02


class DevicesTaken(GpurunError):
    """Raised when somebody else holds a device."""


class DeviceLocks:
    """The locks that one process holds. `close` lets them go, and so does the end of the process."""

    def __init__(self) -> None:
        self._held = contextlib.ExitStack()

    def add(self, held: contextlib.ExitStack) -> None:
        """Hold this one too."""
        self._held.push(held)

    def close(self) -> None:
        """Let the devices go."""
        self._held.close()


def take(
    devices: Iterable[Device], holder: Holder, *, shared: bool = False, patience_s: float = PATIENCE_S
) -> DeviceLocks:
    """Take the locks of all these devices or of none; `shared` with other runs of the same state directory.

    Raises DevicesTaken where somebody else has one, StorageUnusable where locks cannot be had on this machine.
    """
    locks = DeviceLocks()
    # in one order everywhere: no two runs each hold a GPU that the other waits for
    lockable = sorted((device for device in devices if device.kind != "cpu"), key=lambda device: device.id)
    if not lockable:
        return locks
    try:
        with _as_unusable():
            folder = prepared(locks_folder())
            locks.add(_kept(folder))
            for device in lockable:
                locks.add(_take(folder, device, holder, shared, time.monotonic() + patience_s))
    except BaseException:
        locks.close()
        raise
    return locks


def _kept(folder: Path) -> contextlib.ExitStack:
    kept = contextlib.ExitStack()
    kept.callback(os.close, keep_from_cleaners(folder))
    return kept


def _take(folder: Path, device: Device, holder: Holder, shared: bool, give_up: float) -> contextlib.ExitStack:
    while isinstance(got := _tried(folder, device, holder, shared), str):
        if time.monotonic() > give_up:
            raise DevicesTaken(f"{device.label} {got}.")
        time.sleep(_RETRY_S)
    return got


def _tried(folder: Path, device: Device, holder: Holder, shared: bool) -> contextlib.ExitStack | str:
    """Hold a device's lock, and be seen at work; else say who does. What was taken last is let go first."""
    path = lock_path(folder, device.id)
    with contextlib.ExitStack() as held:
        if (fd := _opened(path)) is None:
            return "is being locked by another process"
        held.callback(os.close, fd)
        if refused := _refused(fd, path, device, holder, shared):
            return refused
        if others := _unseen(held, folder, device, holder, shared):
            return removal(folder, others)
        return held.pop_all()


def _opened(path: Path) -> int | None:
    try:
        return open_lock(path)
    except FileExistsError:  # made by somebody else since we looked
        return None


def _refused(fd: int, path: Path, device: Device, holder: Holder, shared: bool) -> str:
    """Take the lock; empty, or who has it."""
    folder = path.parent
    # the lock on a file that was removed since it was opened keeps nobody away
    if _taken(fd, folder, device, holder, shared) and still_there(fd, path):
        return ""
    fcntl.flock(fd, fcntl.LOCK_UN)  # it may have been had together with somebody who is none of ours
    held = who_holds(fd, present(folder, device.id))
    return f"is {held.verb} by {held.says}"


def _taken(fd: int, folder: Path, device: Device, holder: Holder, shared: bool) -> bool:
    """Take the lock if it can be had; the first of several that share it writes whose it is."""
    if try_lock(fd):
        write_holder(fd, holder)
        return not shared or try_lock(fd, fcntl.LOCK_SH)  # not at once: another may come in between
    if not (shared and try_lock(fd, fcntl.LOCK_SH)):
        return False
    return who_holds(fd, present(folder, device.id)).home == holder.home


def _unseen(held: contextlib.ExitStack, folder: Path, device: Device, holder: Holder, shared: bool) -> list[int | None]:
    """Be seen at work where that is possible; returns who else is, though the lock was free."""
    if not possible():
        return []
    try:
        # before the look: of two at once, one sees the other
        seen = announce(folder, device.id, holder.home, shared=shared)
    except OSError:  # a full disk: the lock itself is held
        return []
    if seen is None:  # somebody of the same state directory
        others = present(folder, device.id)
        return [*others] if others else [None]
    held.callback(seen.close)
    return [*(present(folder, device.id, but_home=holder.home) or ())]


def removal(folder: Path, pids: Sequence[int | None]) -> str:
    """What is said of a lock that is free though processes are at work; None is one that is gone by now."""
    who = named(pids[0]).says if pids[0] else "another run"
    return f"is held by {who}, whose lock was removed from {folder}, which belongs to {owner_of(folder)}"


@contextlib.contextmanager
def _as_unusable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"The locks of this machine's GPUs cannot be used: {error}."
        raise StorageUnusable(problem, f"Name a directory for all users in {VARIABLE}.") from error
