"""One agent for each state directory: it holds a lock for its whole life, and when it begins anew too. POSIX only."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

#: Tells a process that began anew which of its open files is the locked one.
_VARIABLE = "GPURUN_AGENT_LOCK"


def lock_within(path: Path, seconds: float) -> int | None:
    """Take the lock for the rest of this process's life: its file descriptor, or None where it was not free in time."""
    fd = _kept(path) or os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up = time.monotonic() + seconds
    while True:
        try:
            # held already where the file was kept: an exec lets no lock go
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() > give_up:
                os.close(fd)
                return None
            time.sleep(0.1)  # flock has no timeout of its own


def begin_anew(lock: int, env: Mapping[str, str]) -> NoReturn:
    """Execute this program again, as this process and with its lock: were that free for a moment, another came."""
    os.set_inheritable(lock, True)
    # argv lacks -m and the interpreter's own options
    os.execve(sys.executable, sys.orig_argv, {**env, _VARIABLE: str(lock)})  # noqa: S606


def _kept(path: Path) -> int | None:
    """The file that was locked before this process began anew."""
    fd = int(os.environ.pop(_VARIABLE, 0))  # taken away: no run shall find it
    if not fd:
        return None
    os.set_inheritable(fd, False)  # a run that had it open would hold the lock, too
    if os.path.samestat(os.fstat(fd), path.stat()):  # else the directory was moved, and another lock is in its place
        return fd
    os.close(fd)
    return None
