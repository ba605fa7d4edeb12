"""One agent for each state directory: it holds a lock for its whole life. POSIX only."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


def lock_within(path: Path, seconds: float) -> bool:
    """Take the lock for the rest of this process's life; whether that could be done in time."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > give_up:
                os.close(fd)
                return False
            time.sleep(0.1)  # flock has no timeout of its own
