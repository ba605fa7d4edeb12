"""Who is at work on a GPU, told in a way that nobody else can take back (docs/decisions/0082).

Whoever made the directory of the locks, or a lock's file, may remove a lock that is held. So a holder also locks a file
in a directory of its own below /tmp, where the system lets only its owner remove it. Nobody else needs to open that
file: /proc/locks says whether it is locked, and by whom. Linux only; elsewhere nobody is seen.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gpurun_jupyter.agent.devices.lock_files import keep_from_cleaners, still_there, try_lock
from gpurun_jupyter.agent.devices.lock_holders import LIST, Locks, all_locks, file_system, process

ROOT = Path("/tmp")  # noqa: S108 - all users must find each other; `_is_safe` is wary of it
_PREFIX = "gpurun-held-"


class Presence:
    """That this process is at work on a device, for as long as it lives or until `close`."""

    def __init__(self, path: Path, fd: int, folder: int) -> None:
        self._path, self._fds = path, [fd, folder]

    def close(self) -> None:
        """Leave; the last one takes the file away."""
        if try_lock(self._fds[0]):
            with contextlib.suppress(OSError):
                self._path.unlink()  # before the lock is let go: who gets it next sees that the file is gone
        for fd in self._fds:
            os.close(fd)
        if self._path.parent != _own_folder():  # one that was made for this alone
            with contextlib.suppress(OSError):
                self._path.parent.rmdir()


def announce(locks: Path, device_id: str, home: str, *, shared: bool) -> Presence | None:
    """Be seen, where that is `possible`; None where others of the same state directory are. Raises OSError."""
    folder = _made()
    folder_fd = keep_from_cleaners(folder)
    path = folder / f"{_key(locks, device_id)}.{home}"
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if not try_lock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            os.close(fd)
            os.close(folder_fd)
            return None
        if still_there(fd, path):  # else whoever was the last has just taken it away
            return Presence(path, fd, folder_fd)
        os.close(fd)


def possible() -> bool:
    """Whether this system has what is needed: the kernel's list of locks, and a /tmp that keeps users apart."""
    try:
        status = ROOT.stat()
    except OSError:
        return False
    return LIST.exists() and status.st_uid == 0 and bool(status.st_mode & stat.S_ISVTX)


def present(locks: Path, device_id: str, *, but_home: str = "") -> list[int] | None:
    """The processes that are at work on it, as the kernel names them; those of a state directory of ours left out.

    None where that is not `possible`.
    """
    if not possible():
        return None
    if not (files := list(_files(_key(locks, device_id), but_home))):
        return []
    listed = all_locks() or {}
    fd = os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        where = file_system(fd)  # that of /tmp: files of other users cannot be opened to ask
    finally:
        os.close(fd)
    return [pid for path in files for pid in _holders(path, where, listed)]


def _files(key: str, but_home: str) -> Iterator[Path]:
    for folder in _entries(ROOT, _PREFIX):
        for path in _entries(folder, f"{key}."):
            if not (path.name == f"{key}.{but_home}" and _is_ours(folder)):
                yield path


def _is_ours(folder: Path) -> bool:
    try:
        return folder.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def _entries(folder: Path, prefix: str) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            return [Path(one.path) for one in found if one.name.startswith(prefix)]
    except OSError:
        return []


def _holders(path: Path, where: str, listed: Locks) -> Iterator[int]:
    """Only the owner of a directory can speak for itself in it: a file that is linked there speaks for nobody."""
    try:
        file, folder = path.lstat(), path.parent.lstat()
    except OSError:
        return
    if not stat.S_ISREG(file.st_mode) or not stat.S_ISDIR(folder.st_mode) or file.st_uid != folder.st_uid:
        return
    for pid in listed.get(f"{where}:{file.st_ino}", ()):
        if (found := process(pid)) and found.uid in (None, file.st_uid):  # None: /proc does not show whose it is
            yield pid


def _own_folder() -> Path:
    return ROOT / f"{_PREFIX}{os.geteuid()}"


def _made() -> Path:
    """A directory that is ours alone. The usual name may have been taken by somebody else: then another one."""
    folder = _own_folder()
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o755)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.geteuid()}-", dir=ROOT))
    folder.chmod(0o755)  # others must see the file, whatever the umask
    return folder


def _key(locks: Path, device_id: str) -> str:
    """What stands for a device in one directory of locks: tests and the wary have directories of their own."""
    return hashlib.sha256(f"{locks.resolve()}\0{device_id}".encode()).hexdigest()[:24]
