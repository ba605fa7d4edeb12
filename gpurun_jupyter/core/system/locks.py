"""Locks that a process holds for its whole life, as others see them. POSIX only.

What a state directory says of a process, a copy of it says too, and the process lives: only the lock, which is on a
file of this directory, tells whose it is.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

from gpurun_jupyter.core.system.processes import Identity, read_identity
from gpurun_jupyter.core.system.records import open_plain


def locked(fd: int) -> bool:
    """Take the lock on an open file, for as long as it is open, if nobody else has it; whether it was taken."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether some process, this one included, holds the lock on a file."""
    try:
        with open_plain(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that look do not take each other for it
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holder(record: Path, lock: Path) -> Identity | None:
    """The process that is written down in `record`, if it lives and the lock is held.

    It is written down after it took the lock, so that this look cannot be in its way.
    """
    identity = read_identity(record)
    return identity if identity is not None and identity.alive() and is_held(lock) else None
