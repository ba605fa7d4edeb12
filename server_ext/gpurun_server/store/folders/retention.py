"""What is taken away of an old run: its workspace, the variables and checkpoints that it left, and what it printed.

Its record, its metrics and its end stay: charts, lists and comparisons show it as before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gpurun_jupyter.core.events import LONGEST_LINE_BYTES, opening
from gpurun_jupyter.core.home import AttemptFolder, RunFolder
from gpurun_jupyter.core.system.records import open_plain

#: Events that stay in a log; those of children are in logs of their own.
_KEPT = tuple(
    map(opening, ("start", "metric", "parameters", "meta", "error", "checkpoint", "artifact", "model", "end"))
)


def weight(folder: RunFolder) -> int:
    """How many bytes would be freed."""
    attempts = _attempts(folder)
    return sum(_size(part) for attempt in attempts for part in _parts(attempt)) + sum(map(_printed, attempts))


def take_files(folder: RunFolder) -> None:
    """Take the files away, which needs no room, and leave a mark that says so."""
    with suppress(OSError):  # the disk may be full, and what follows makes room
        folder.pruned.touch(mode=0o600)
    for attempt in _attempts(folder):
        for part in _parts(attempt):
            shutil.rmtree(part, ignore_errors=True)


def pruned_at(folder: RunFolder) -> float | None:
    """When it was thinned last, seconds since the epoch; None where it never was."""
    try:
        return folder.pruned.lstat().st_mtime
    except OSError:
        return None


def thin_logs(folder: RunFolder) -> None:
    """Take away what was printed. Interrupted, it is done by the next call."""
    for attempt in _attempts(folder):
        _thin_log(attempt)


def _attempts(folder: RunFolder) -> list[AttemptFolder]:
    return [AttemptFolder(path) for path in (folder.path / "attempts").glob("*") if path.is_dir()]


def _parts(attempt: AttemptFolder) -> list[Path]:
    parts = (attempt.work, attempt.data, attempt.checkpoints, attempt.outputs)
    return [path for path in parts if path.is_dir() and not path.is_symlink()]


def _thin_log(attempt: AttemptFolder) -> None:
    if not _printed(attempt):
        return
    beside = attempt.events.with_name(".events.thin")
    try:
        beside.touch(mode=0o600)
        with beside.open("wb") as file:
            file.writelines(line for line in _lines(attempt) if line.startswith(_KEPT))
    except OSError:
        beside.unlink(missing_ok=True)  # what has no room must not take the rest of it
        raise
    beside.chmod(attempt.events.stat().st_mode)
    attempt.columns.unlink(missing_ok=True)  # made anew: places in the log are others now
    beside.replace(attempt.events)


def _printed(attempt: AttemptFolder) -> int:
    return sum(len(line) for line in _lines(attempt) if not line.startswith(_KEPT))


def _lines(attempt: AttemptFolder) -> Iterator[bytes]:
    with suppress(FileNotFoundError), open_plain(attempt.events) as file:
        while line := file.readline(LONGEST_LINE_BYTES):
            yield line


def _size(root: Path) -> int:
    """Bytes of the files below a folder; links count nothing."""
    total = 0
    for directory, _, names in os.walk(root):
        for name in names:
            place = Path(directory, name)
            with suppress(FileNotFoundError):  # a run that is at work takes some away meanwhile
                total += 0 if place.is_symlink() else place.stat().st_size
    return total
