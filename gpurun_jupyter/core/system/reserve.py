"""Room on a disk that is held for what has to be written even when it is full."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class Reserve:
    """A file that holds room on the disk until `spend` takes it away."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def keep(self) -> Reserve:
        """Hold the room, if there is some; returns itself."""
        with contextlib.suppress(OSError):  # full already
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _allocate(fd, self._size_bytes)
            finally:
                os.close(fd)
        return self

    def spend(self) -> None:
        """Give the room back."""
        with contextlib.suppress(OSError):  # not there, or on a disk that is read-only
            self._path.unlink()


def _allocate(fd: int, size_bytes: int) -> None:
    """Room on the disk for good: a file of holes has none."""
    if hasattr(os, "posix_fallocate"):  # macOS has none
        os.posix_fallocate(fd, 0, size_bytes)
    else:
        os.write(fd, b"\0" * size_bytes)
