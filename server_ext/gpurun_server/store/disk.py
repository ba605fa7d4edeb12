"""A disk that takes nothing more, because it is full or read-only: what the system and the databases say, as errors."""

from __future__ import annotations

import errno

from gpurun_jupyter.core.errors import GpurunError, StorageFull, StorageUnusable

_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNUSABLE = (errno.EROFS, errno.EIO)
#: What SQLite and PostgreSQL say of such disks.
_FULL_WORDS = ("disk is full", "No space left on device")
_READ_ONLY_WORDS = ("readonly database", "read-only file system", "Read-only file system")

_NOTHING_KEPT = "nothing of this was kept by halves."


def refusal_of(error: OSError) -> GpurunError | None:
    """The error that tells of a disk that takes nothing; None where that is not what happened."""
    if error.errno in _FULL:
        return _full("server's disk")
    if error.errno in _UNUSABLE:
        return StorageUnusable(
            f"The server's disk cannot be written ({error.strerror}).", f"Mend that, then do it again; {_NOTHING_KEPT}"
        )
    return None


def refusal_in(said: str) -> GpurunError | None:
    """The same, from what a database says."""
    if any(words in said for words in _FULL_WORDS):
        return _full("disk of the database")
    if any(words in said for words in _READ_ONLY_WORDS):
        return StorageUnusable(
            "The disk of the database is read-only.", f"Mount it for writing, then do it again; {_NOTHING_KEPT}"
        )
    return None


def _full(what: str) -> StorageFull:
    return StorageFull(
        f"The {what} is full.", f"Make room on it, for instance by deleting runs, then do it again; {_NOTHING_KEPT}"
    )
