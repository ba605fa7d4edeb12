"""The way to the runner: a FIFO named by GPURUN_REPORT, one JSON object a line (docs/events.md, without t and m)."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from typing import Any

VARIABLE = "GPURUN_REPORT"
#: POSIX promises that a write of up to PIPE_BUF bytes (4096 on Linux) into a FIFO is not mixed with another's.
MAX_LINE_BYTES = 4000


_lock = threading.RLock()  # a signal handler may report in the middle of a report
_fd: int | None = None
_identity: tuple[str, int, int] | None = None


def inside_run() -> bool:
    """Whether this process belongs to a run."""
    return bool(os.environ.get(VARIABLE))


def encode(event: dict[str, Any]) -> bytes:
    """The event as one line; fields that are None are left out."""
    kept = {key: value for key, value in event.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def send(event: dict[str, Any]) -> None:
    """Write the event, waiting while the FIFO is full; where nobody reads, nothing happens."""
    line = encode(event)
    with _lock, contextlib.suppress(OSError):  # the runner has ended, or was never there
        os.write(_open(os.environ.get(VARIABLE, "")), line)


def _open(path: str) -> int:
    global _fd, _identity  # noqa: PLW0603 - one FIFO a process
    if _fd is not None and _is_ours(_fd):
        if _identity is not None and _identity[0] == path:
            return _fd
        os.close(_fd)  # a warm kernel goes on to its next attempt
    _fd = _identity = None
    # Without O_NONBLOCK this would wait for a reader, possibly for ever.
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(fd, True)  # from here on: a full FIFO is waited for
    status = os.fstat(fd)
    _fd, _identity = fd, (path, status.st_dev, status.st_ino)
    return fd


def _is_ours(fd: int) -> bool:
    """Whether the descriptor is still the FIFO: daemons close all they inherit, and then numbers are reused."""
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    return _identity is not None and _identity[1:] == (status.st_dev, status.st_ino)


def _forget() -> None:
    """In a forked child: another thread may have held the lock, and the FIFO is opened anew."""
    global _lock, _fd, _identity  # noqa: PLW0603
    _lock = threading.RLock()
    if _fd is not None:
        with contextlib.suppress(OSError):
            os.close(_fd)
    _fd = _identity = None


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_forget)
