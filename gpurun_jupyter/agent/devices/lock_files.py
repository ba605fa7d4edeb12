"""The files of machine-wide locks: where they are, how they are opened, what a holder writes into them. POSIX only."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.home import Home

VARIABLE = "GPURUN_LOCKS"

_DEFAULT_FOLDER = "/tmp/gpurun-locks"  # noqa: S108 - all users must find the same one; `prepared` is wary of it
_MAX_BYTES = 4096
_MAX_SHOWN_CHARS = 100


class Holder(msgspec.Struct):
    """Who holds a lock, as the holder says in the file. `home` tells state directories apart without naming them."""

    pid: int
    user: str
    run: str
    home: str

    @classmethod
    def this_process(cls, home: Home, run: str) -> Holder:
        """This process, for a run of that name."""
        return cls(os.getpid(), user_name(os.geteuid()), run, home_mark(home))

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.user or 'somebody'}, «{self.run}»)"


def home_mark(home: Home) -> str:
    """What stands for a state directory in a file that everybody can read."""
    return hashlib.sha256(str(home.path.resolve()).encode()).hexdigest()[:16]  # one directory under two names is one


def locks_folder() -> Path:
    """GPURUN_LOCKS, else a directory below /tmp."""
    return Path(os.environ.get(VARIABLE) or _DEFAULT_FOLDER)


def lock_path(folder: Path, device_id: str) -> Path:
    """The file of a device."""
    return folder / re.sub(r"[^\w.-]", "_", device_id)  # older drivers have slashes in the ids of MIG slices


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
    holder.user, holder.run = shown(holder.user), shown(holder.run)
    return holder


def write_holder(fd: int, holder: Holder) -> None:
    """Say in the file who holds it. Losing these words, on a full disk, loses no lock."""
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, msgspec.json.encode(holder), 0)


def open_lock(path: Path) -> int:
    """A descriptor of a lock's file, made where it is missing. Raises OSError and StorageUnusable."""
    # anybody may put a link or a FIFO there: neither is followed or waited for
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(path, flags)  # not with O_CREAT: Linux then refuses files of others in a sticky directory
    except FileNotFoundError:
        with _for_everybody():
            fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except PermissionError as error:
        problem = f"{path} belongs to {owner_of(path)}, who lets nobody else open it."
        raise StorageUnusable(problem, "Its owner or an administrator can remove it.") from error
    status = os.fstat(fd)  # of what is open: the name may be another file's by now
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:  # a link to a file that we would write into
        os.close(fd)
        raise StorageUnusable(f"{path} is not a lock file.", f"Remove it, or name another directory in {VARIABLE}.")
    return fd


def prepared(folder: Path) -> Path:
    """The directory, made where it is missing. Raises StorageUnusable where it is not one for everybody."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), _for_everybody():
            folder.mkdir(mode=0o1777)
    status = folder.lstat()  # not what a link leads to: who made that may let it lead elsewhere
    shared = status.st_mode & 0o1002 == 0o1002  # sticky, or anybody could remove the locks of others
    if not stat.S_ISDIR(status.st_mode) or not (shared or status.st_uid == os.geteuid()):
        problem = f"The locks of this machine's GPUs cannot be kept in {folder}: it is not a directory with mode 1777."
        raise StorageUnusable(problem, f"Correct that, or name another directory for all users in {VARIABLE}.")
    return folder


@contextlib.contextmanager
def _for_everybody() -> Iterator[None]:
    """What is made meanwhile has its mode from its first moment on: between open and chmod others would fail."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def shown(text: str) -> str:
    """What somebody else chose, as it can be shown."""
    return "".join(char for char in text[:_MAX_SHOWN_CHARS] if char.isprintable())


def user_name(uid: int) -> str:
    """The name of a user, or the number where it has none, as in a container."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def owner_of(path: Path) -> str:
    """Whose file or directory it is."""
    try:
        return user_name(path.lstat().st_uid)
    except OSError:
        return "somebody"


def keep_from_cleaners(folder: Path) -> int:
    """A shared lock on the directory: what cleans /tmp by age leaves a directory alone that somebody has locked."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try_lock(fd, fcntl.LOCK_SH)
    return fd


def still_there(fd: int, path: Path) -> bool:
    """Whether the opened file is the one that others will find."""
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except FileNotFoundError:
        return False
