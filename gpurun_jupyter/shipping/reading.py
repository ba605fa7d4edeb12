"""The bytes of files that somebody may be writing, removing or replacing at the moment."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.shipping.leaving_out import OWN

_PIECE_BYTES = 2**20
#: What the system says of a file that is there no more, on a network too.
GONE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ESTALE)


class WentAway(Exception):
    """Raised where a file was, and no file is any more."""


def pieces(path: str) -> Iterator[bytes]:
    """A file's bytes, some at a time: as many as it had when it was opened, however it grows, or fewer.

    Raises WentAway, and InvalidRequest for one that cannot be read.
    """
    try:
        with open(path, "rb", buffering=0, opener=_without_waiting) as file:  # pieces are larger than a buffer
            found = os.fstat(file.fileno())  # of what is open: the path may be another file by now
            if not stat.S_ISREG(found.st_mode):
                raise WentAway(path)
            left = found.st_size or float("inf")  # some file systems know no sizes
            while left > 0 and (piece := file.read(int(min(left, _PIECE_BYTES)))):
                left -= len(piece)
                yield piece
    except OSError as error:
        if error.errno in GONE:
            raise WentAway(path) from error
        raise unreadable(path, error) from error


def unreadable(path: str, error: OSError) -> InvalidRequest:
    """What is said of a file or directory that cannot be read."""
    return InvalidRequest(
        f"{path} cannot be read ({error.strerror}).", f"Make it readable, or leave it out with a line in {OWN}."
    )


def _without_waiting(path: str, flags: int) -> int:
    """Open it; a FIFO in its place would wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)
