"""Machine-wide locks: a file for each GPU and MIG slice, in a directory that all users of the machine share.

A runner holds the locks of its devices for its whole life, so two state directories, two users or a re-joined engine
node never use a GPU at once by accident. A lock ends with its process, however that ends. CPU slots have none.
POSIX only.

Runs that share a GPU by declared memory hold its lock together, but only those of one state directory: each of these
counts the memory of its own runs alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.errors import GpurunError, StorageUnusable
from gpurun_jupyter.core.home import Home

VARIABLE = "GPURUN_LOCKS"
#: So long a runner tries: agents look at a lock by taking it for an instant, and a run before it may be ending.
PATIENCE_S = 1.0

_DEFAULT_FOLDER = "/tmp/gpurun-locks"  # noqa: S108 - all users must find the same one; `_prepared` is wary of it
_RETRY_S = 0.02
_MAX_BYTES = 4096
_MAX_SHOWN_CHARS = 100


class DevicesTaken(GpurunError):
    """Raised when somebody else holds a device."""


class Holder(msgspec.Struct):
    """Who holds a lock, as the holder says in the file. `home` tells state directories apart without naming them."""

    pid: int
    user: str
    run: str
    home: str

    @classmethod
    def this_process(cls, home: Home, run: str) -> Holder:
        """This process, for a run of that name."""
        return cls(os.getpid(), _user(), run, home_mark(home))

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.user or 'somebody'}, «{self.run}»)"


class DeviceLocks:
    """The locks that one process holds. `close` lets them go, and so does the end of the process."""

    def __init__(self) -> None:
        self._fds: list[int] = []

    def add(self, fd: int) -> None:
        """Hold this one too."""
        self._fds.append(fd)

    def close(self) -> None:
        """Let the devices go."""
        while self._fds:
            os.close(self._fds.pop())


def home_mark(home: Home) -> str:
    """What stands for a state directory in a file that everybody can read."""
    return hashlib.sha256(str(home.path.resolve()).encode()).hexdigest()[:16]


def take(
    devices: Iterable[Device], holder: Holder, *, shared: bool = False, patience_s: float = PATIENCE_S
) -> DeviceLocks:
    """Take the locks of all these devices or of none; `shared` with other runs of the same state directory.

    Raises DevicesTaken where somebody else has one, StorageUnusable where locks cannot be had on this machine.
    """
    locks = DeviceLocks()
    lockable = sorted((device for device in devices if device.kind != "cpu"), key=lambda device: device.id)
    if not lockable:
        return locks
    try:
        with _as_unusable():
            folder = _prepared(locks_folder())
            locks.add(_keep_from_cleaners(folder))
            for device in lockable:
                locks.add(_take(folder, device, holder, shared, time.monotonic() + patience_s))
    except BaseException:
        locks.close()
        raise
    return locks


def locks_folder() -> Path:
    """GPURUN_LOCKS, else a directory below /tmp."""
    return Path(os.environ.get(VARIABLE) or _DEFAULT_FOLDER)


def lock_path(folder: Path, device_id: str) -> Path:
    """The file of a device."""
    return folder / re.sub(r"[^\w.-]", "_", device_id)


def try_lock(fd: int, how: int = fcntl.LOCK_EX) -> bool:
    """Whether the lock could be had at once."""
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_holder(fd: int) -> Holder | None:
    """What the last holder wrote; None where that cannot be read. Anybody may have written it: it is only shown."""
    try:
        holder = msgspec.json.decode(os.pread(fd, _MAX_BYTES, 0), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None
    holder.user, holder.run = _shown(holder.user), _shown(holder.run)
    return holder


def write_holder(fd: int, holder: Holder) -> None:
    """Say in the file who holds it. Losing these words, on a full disk, loses no lock."""
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, msgspec.json.encode(holder), 0)


def open_lock(path: Path) -> int:
    """A descriptor of a lock's file, made where it is missing. Raises OSError and StorageUnusable."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(path, flags)  # not with O_CREAT: Linux then refuses files of others in a sticky directory
    except FileNotFoundError:
        with _for_everybody():
            fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:  # a link to a file that we would write into
        os.close(fd)
        raise StorageUnusable(f"{path} is not a lock file.", f"Remove it, or name another directory in {VARIABLE}.")
    return fd


def _take(folder: Path, device: Device, holder: Holder, shared: bool, give_up: float) -> int:
    path = lock_path(folder, device.id)
    while True:
        fd = _opened(path)
        if fd is not None:
            if _taken(fd, holder, shared) and _still_there(fd, path):
                return fd
            other = read_holder(fd)
            os.close(fd)
            if time.monotonic() > give_up:
                raise DevicesTaken(f"{device.label} is held by {other or 'another gpurun on this machine'}.")
        time.sleep(_RETRY_S)


def _opened(path: Path) -> int | None:
    try:
        return open_lock(path)
    except FileExistsError:  # made by somebody else since we looked
        return None


def _still_there(fd: int, path: Path) -> bool:
    """Whether the locked file is the one that others will find."""
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except FileNotFoundError:
        return False


def _taken(fd: int, holder: Holder, shared: bool) -> bool:
    """Take the lock if it can be had; the first of several that share it writes whose it is."""
    if try_lock(fd):
        write_holder(fd, holder)
        return not shared or try_lock(fd, fcntl.LOCK_SH)  # not at once: another may come in between
    if not (shared and try_lock(fd, fcntl.LOCK_SH)):
        return False
    first = read_holder(fd)
    return first is not None and first.home == holder.home


def _prepared(folder: Path) -> Path:
    """The directory, made where it is missing. Raises StorageUnusable where it is not one for everybody."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), _for_everybody():
            folder.mkdir(mode=0o1777)
    status = folder.lstat()
    shared = status.st_mode & 0o1002 == 0o1002
    if not stat.S_ISDIR(status.st_mode) or not (shared or status.st_uid == os.geteuid()):
        problem = f"The locks of this machine's GPUs cannot be kept in {folder}: it is not a directory with mode 1777."
        raise StorageUnusable(problem, f"Correct that, or name another directory for all users in {VARIABLE}.")
    return folder


def _keep_from_cleaners(folder: Path) -> int:
    """A shared lock on the directory: what cleans /tmp by age leaves a directory alone that somebody has locked."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try_lock(fd, fcntl.LOCK_SH)
    return fd


@contextlib.contextmanager
def _for_everybody() -> Iterator[None]:
    """What is made meanwhile has its mode from its first moment on: between open and chmod others would fail."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def _as_unusable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"The locks of this machine's GPUs cannot be used: {error}."
        raise StorageUnusable(problem, f"Name a directory for all users in {VARIABLE}.") from error


def _shown(text: str) -> str:
    return "".join(char for char in text[:_MAX_SHOWN_CHARS] if char.isprintable())


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user without a name
        return str(os.geteuid())
