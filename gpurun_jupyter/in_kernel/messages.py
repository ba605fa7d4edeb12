"""What a kernel sends and says: also what UTF-8 has no bytes for, and also at its end."""

from __future__ import annotations

import atexit
import io
import json
import sys
from typing import Any, Callable


def lose_nothing(shell: Any) -> None:
    """Have every message sent, and what exit handlers print flushed before ipykernel's own stops its output.

    Streams get the descriptors that they lack where ipykernel does not watch these. What the run has started is its
    runner's to end: ipykernel would wait half a minute for a child that nobody has waited for.
    """
    kernel = shell.kernel
    kernel.session.pack = _packed_otherwise(kernel.session.pack)
    kernel._progressively_terminate_all_children = _leave_children  # noqa: SLF001 - there is no setting for it
    for fd, stream in ((1, sys.stdout), (2, sys.stderr)):
        _have_descriptor(stream, fd)
    atexit.register(_flush)  # after ipykernel has, and so it is called before ipykernel's


def _packed_otherwise(pack: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    def packed(content: Any) -> bytes:
        try:
            return pack(content)
        except UnicodeEncodeError:  # half of a surrogate pair
            return json.dumps(content, default=str).encode()  # with escapes: all of it is ASCII

    return packed


def _have_descriptor(stream: Any, fd: int) -> None:
    try:
        stream.fileno()
    except io.UnsupportedOperation:
        stream.fileno = lambda: fd


async def _leave_children() -> None:
    pass


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
