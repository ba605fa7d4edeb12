"""Doorbells: how processes that share a state directory wake one another without polling.

A bell is a FIFO in GPURUN_HOME/bells. Ringing writes one short line to every FIFO that somebody listens on and never
waits; a lost ring costs no more than the listener's own slow look round. POSIX only.
docs/decisions/0001-doorbells-are-fifos.md says why not sockets.

Rings: `work` (there may be something for agents to do), `queue` (a run changed hands), `run ID` (something of that run
changed), `log ID` (its log grew), `question ID` and `answer ID` (its code asks its server: core/questions.py), `agents`
(an agent reported), `models` (a model changed), `sync WORD` (a person wants the agent to reach its server now).
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

_READ_BYTES = 65536  # as much as a FIFO holds: one read takes all
_FIFO = ".fifo"


class Bell:
    """A listener: watch `fileno()` for readability, then `read()` the distinct rings that came."""

    def __init__(self, bells: Path, name: str) -> None:
        self.path = bells / f"{name}{_FIFO}"
        with contextlib.suppress(FileExistsError):  # left by one of this name that was killed
            os.mkfifo(self.path, 0o600)
        # Open for writing too: a FIFO whose last writer left would be readable (end of file) for ever.
        self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """The file descriptor to watch."""
        return self._fd

    def read(self) -> set[str]:
        """The rings since the last call, each once."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd, _READ_BYTES)
        return set(data.decode("ascii", "replace").splitlines())

    def close(self) -> None:
        """Stop listening and take the FIFO away."""
        with contextlib.suppress(OSError):  # gone, or on a disk that is read-only by now: nobody listens there any more
            self.path.unlink()
        os.close(self._fd)


def ring(bells: Path, *rings: str) -> int:
    """Ring at every listener; returns how many heard. A listener whose FIFO is full is awake already."""
    message = "".join(f"{text}\n" for text in rings).encode("ascii")
    heard = 0
    for path in bells.iterdir():  # quicker than a glob, and every change of a run comes by here
        if path.suffix != _FIFO:
            continue
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in (errno.ENXIO, errno.ENOENT):  # nobody listens; just taken away
                raise
            continue
        try:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):  # full; closed since it was opened
                os.write(fd, message)
            heard += 1
        finally:
            os.close(fd)
    return heard


def listeners(bells: Path, prefix: str) -> int:
    """How many live listeners have a name that begins with `prefix`."""
    alive = 0
    for path in bells.glob(f"{prefix}*{_FIFO}"):
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
            alive += 1
    return alive
