"""Logs that the server writes itself, of runs that it only hears of: whole or not at all, from several processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gpurun_jupyter.core import events
from gpurun_jupyter.core.home import AttemptFolder

#: The fact in a child's log that says up to which place of its parent's log it was taken out of that.
LOG_PLACE = "gpurun.log_place"

_TAIL_BYTES = 4096
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
#: What the file `appending` holds meanwhile, and afterwards: both of one length, so that it need not be cut.
_BEFORE, _DONE = re.compile(rb"(\d{20})\n"), b"-" * 20 + b"\n"


def append(folder: AttemptFolder, happened: Iterable[events.Event]) -> None:
    """Write events at one stroke; where that fails, or the process is killed, none of them stays. Raises OSError."""
    data = memoryview(b"".join(map(events.encode_line, happened)))
    with _alone(folder) as (log, journal):
        size = os.fstat(log).st_size
        os.pwrite(journal, b"%020d\n" % size, 0)
        try:
            while data:
                data = data[os.write(log, data) :]
        except BaseException:
            os.ftruncate(log, size)
            raise
        finally:
            os.pwrite(journal, _DONE, 0)


def whole_bytes(folder: AttemptFolder) -> int:
    """How long the log is, once what a killed process left of its last lines is taken away. Raises OSError."""
    with _alone(folder) as (log, _):
        return os.fstat(log).st_size


def last_fact(log: Path, name: str) -> tuple[Any, int]:
    """The last fact of this name that a log tells, and behind which byte; None and its size where it tells none."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        for begin in (max(0, size - _TAIL_BYTES), 0):  # mostly it stands near the end
            file.seek(begin)
            data = file.read()
            end = data.rfind(b"\n") + 1
            while (place := data.rfind(events.opening("meta"), 0, end)) >= 0:
                event = events.event_on(data[place:end].partition(b"\n")[0])
                if isinstance(event, events.Meta) and name in event.values:
                    return event.values[name], begin + data.find(b"\n", place) + 1
                end = place
    return None, size


@contextlib.contextmanager
def _alone(folder: AttemptFolder) -> Iterator[tuple[int, int]]:
    """The log and what is written down while it grows, for one process and thread at a time."""
    with contextlib.ExitStack() as closing:
        journal = _opened(folder.appending, 0)
        closing.callback(os.close, journal)
        fcntl.flock(journal, fcntl.LOCK_EX)
        log = _opened(folder.events, os.O_APPEND)
        closing.callback(os.close, log)
        if (killed := _BEFORE.fullmatch(os.pread(journal, len(_DONE) + 1, 0))) is not None:
            if int(killed[1]) < os.fstat(log).st_size:  # never longer: that would be a hole
                os.ftruncate(log, int(killed[1]))
            os.pwrite(journal, _DONE, 0)
        yield log, journal


def _opened(path: Path, flags: int) -> int:
    return os.open(path, _FLAGS | flags, 0o600)
