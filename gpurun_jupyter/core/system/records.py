"""Files that a run can reach, read so that whatever stands there does no harm. POSIX only.

A run is of the same user as what reads its folder: it may write into its record, cut it off, or put a FIFO, a folder or
a link in its place.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

#: What bytes that are not what they should be make a decoder raise; the last where they are nested without an end.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_LONGEST_BYTES = 64 * 2**20
# O_NOFOLLOW makes ELOOP of a link; a socket is ENXIO.
_NOT_TO_BE_READ = (errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.ENXIO, errno.EPERM)

T = TypeVar("T")


def open_plain(path: Path) -> BinaryIO:
    """A file open for reading.

    Raises OSError; FileNotFoundError also for what is no plain file, on which one might wait, or may not be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NOT_TO_BE_READ:
            raise FileNotFoundError(f"{path} cannot be read: {error.strerror}") from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):  # what is open, since the path may be another file by now
        os.close(fd)
        raise FileNotFoundError(f"{path} is no plain file")
    return os.fdopen(fd, "rb")


def size_of(path: Path) -> int:
    """Bytes of a plain file. Raises OSError as `open_plain` does."""
    with open_plain(path) as file:
        return file.seek(0, os.SEEK_END)


def read_record(path: Path, type: type[T]) -> T | None:  # noqa: A002 - as msgspec calls it
    """What a JSON file holds; None where there is none that can be read."""
    try:
        with open_plain(path) as file:
            return msgspec.json.decode(file.read(_LONGEST_BYTES), type=type)
    except (OSError, *UNREADABLE):
        return None
