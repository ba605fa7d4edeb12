"""How a forked process is seen by others: its command line and its environment, as /proc shows them. Linux only.

/proc/PID/cmdline and environ show the memory that the process was started with. A fork inherits it, so that every child
of a fork parent would look like the fork parent, and no mark in its environment could be found. Therefore a fork parent
is started with room in both, and its children write what is true for them into it; their own forks inherit that.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

#: Whether this system shows a process by the memory that it was started with.
POSSIBLE = sys.platform == "linux"

_ROOM = "GPURUN_ROOM"
_ROOM_BYTES = 8192
#: Where these stand in /proc/self/stat, counted from the field after the name: arg_start, arg_end, env_start, env_end.
_BOUNDS = slice(45, 49)


def with_room(command: Sequence[str], env: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """A command line and an environment that leave room for those of the children."""
    return [*command, " " * (_ROOM_BYTES // 4)], {**env, _ROOM: " " * _ROOM_BYTES}


def move_environment() -> None:
    """Copy the environment out of the memory that `show` overwrites: until then the C library points into it.

    To be called before threads are started: another thread may be reading the environment.
    """
    env = {key: value for key, value in os.environ.items() if key != _ROOM}
    os.environ.clear()
    os.environ.update(env)


def show(command: Iterable[str], env: Mapping[str, str]) -> None:
    """Be seen with this command line and environment, of which the GPURUN_ variables come first, should it not fit."""
    if not POSSIBLE:
        return
    first = sorted(env, key=lambda name: not name.startswith("GPURUN_"))
    arg_start, arg_end, env_start, env_end = _bounds()
    _write(arg_start, arg_end, command)
    _write(env_start, env_end, [f"{name}={env[name]}" for name in first])


def _bounds() -> list[int]:
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2]  # the name may have brackets, too
    return [int(field) for field in after_name.split()[_BOUNDS]]


def _write(start: int, end: int, texts: Iterable[str]) -> None:
    """Write as many of the texts as fit whole, each ended by a NUL, and NULs to the end."""
    written = b""
    for text in texts:
        more = os.fsencode(text) + b"\0"
        if len(written) + len(more) > end - start:
            break
        written += more
    ctypes.memmove(start, written.ljust(end - start, b"\0"), end - start)
