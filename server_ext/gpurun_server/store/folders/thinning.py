"""What is taken away of an old run: its workspace, the variables and checkpoints that it left, and what it printed.

Its record, its metrics and its end stay: charts, lists and comparisons show it as before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from gpurun_jupyter.core.events import opening
from gpurun_jupyter.core.home import AttemptFolder, RunFolder

#: Events that stay in a log.
_KEPT = tuple(map(opening, ("start", "metric", "meta", "error", "checkpoint", "artifact", "model", "end")))


def weight(folder: RunFolder) -> int:
    """How many bytes would be freed."""
    attempts = _attempts(folder)
    return sum(_size(part) for attempt in attempts for part in _parts(attempt)) + sum(map(_printed, attempts))


def thin(folder: RunFolder) -> None:
    """Take it away. Interrupted, it is done by the next call."""
    for attempt in _attempts(folder):
        _thin_log(attempt)
        for part in _parts(attempt):
            shutil.rmtree(part, ignore_errors=True)


def _attempts(folder: RunFolder) -> list[AttemptFolder]:
    return [AttemptFolder(path) for path in (folder.path / "attempts").glob("*") if path.is_dir()]


def _parts(attempt: AttemptFolder) -> list[Path]:
    return [path for path in (attempt.work, attempt.checkpoints, attempt.outputs) if path.exists()]


def _thin_log(attempt: AttemptFolder) -> None:
    if not _printed(attempt):
        return
    beside = attempt.events.with_name(".events.thin")
    beside.touch(mode=0o600)
    with beside.open("wb") as file:
        file.writelines(line for line in _lines(attempt) if line.startswith(_KEPT))
    beside.chmod(attempt.events.stat().st_mode)
    attempt.columns.unlink(missing_ok=True)  # made anew: places in the log are others now
    beside.replace(attempt.events)


def _printed(attempt: AttemptFolder) -> int:
    return sum(len(line) for line in _lines(attempt) if not line.startswith(_KEPT))


def _lines(attempt: AttemptFolder) -> Iterator[bytes]:
    if attempt.events.exists():
        with attempt.events.open("rb") as file:
            yield from file


def _size(root: Path) -> int:
    """Bytes of the files below a folder; links count nothing."""
    total = 0
    for directory, _, names in os.walk(root):
        for name in names:
            place = Path(directory, name)
            total += 0 if place.is_symlink() else place.stat().st_size
    return total
