"""Checkpoints: `checkpoint("ck.pt", step=3, acc=0.9)` keeps a copy, and `last_checkpoint()` finds it again.

They lie in the attempt's GPURUN_CHECKPOINT_DIR. The next attempt at a run begins with a copy of that directory.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
import time
from pathlib import Path
from typing import Any, Iterable

from gpurun_jupyter.report import pipe
from gpurun_jupyter.report.checks import clean_name, finite_number, in_json, named_path, number
from gpurun_jupyter.report.file_names import as_text
from gpurun_jupyter.report.printing import say

DIRECTORY = "GPURUN_CHECKPOINT_DIR"
#: Beginnings of names in that directory: of a copy that is not complete, of a directory that is being replaced.
PART = ".gpurun-part-"
OLD = ".gpurun-old-"

#: How a rename fails where the target is a directory that is not empty, or only one of the two is a directory.
_IN_THE_WAY = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)

_MTIME_STEP_NS = 1000000  # coarse enough for every file system worth training on


def checkpoint(path: Any, step: Any = None, **values: Any) -> str:
    """Keep a copy of a file or directory under its own name, complete or not at all; returns where it lies.

    What is there of that name is replaced; FIFOs, sockets and devices in a directory are left out. Outside a run
    nothing is copied. Raises OSError where `path` is no file or directory or the copy fails, TypeError for a step or a
    value that is no number.
    """
    source = _named(named_path(path, "checkpoint"))
    at = None if step is None else finite_number(step, "step")
    numbers = {clean_name(name): number(value, name) for name, value in values.items()}
    kept = _keep(source)
    _tell(kept, at, numbers)
    return str(kept)


def last_checkpoint() -> str | None:
    """The path of the newest checkpoint of this run, of earlier attempts too; None where there is none."""
    directory = os.environ.get(DIRECTORY)
    found = _complete(Path(directory)) if directory else {}
    return str(max(found, key=lambda path: (found[path], path.name))) if found else None


def _named(path: Path) -> Path:
    return path if path.name not in ("", "..") else path.resolve()  # `.` is called as its folder


def _complete(directory: Path) -> dict[Path, int]:
    """When the files and directories there that are no part of anything were changed, in nanoseconds.

    Others are left out: who opens a FIFO waits for ever.
    """
    found = {}
    for path in directory.iterdir() if directory.is_dir() else ():
        with contextlib.suppress(OSError):  # another process is just replacing it
            status = path.stat()
            if not path.name.startswith(".") and (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                found[path] = status.st_mtime_ns
    return found


def _keep(source: Path) -> Path:
    directory = Path(os.environ.get(DIRECTORY, ""))
    kept = directory / source.name
    if not (os.environ.get(DIRECTORY) and pipe.inside_run()) or source.resolve() == kept.resolve():
        return source  # nowhere to keep it, or it was saved right there
    directory.mkdir(parents=True, exist_ok=True)
    # All processes of a training may keep the same checkpoint at once.
    part = directory / f"{PART}{os.getpid()}.{source.name}"
    try:
        _copy(source, part)
        at_ns = _later_than_all(directory)
        os.utime(part, ns=(at_ns, at_ns))  # before it has its name: the newest is found by this
        put(part, kept)
    finally:
        remove(part)  # what is left of a failure; one that was kept has another name now
    return kept


def _copy(source: Path, part: Path) -> None:
    """Copy, and have it on the disk before it gets its name: after a power cut a name must not stand for nothing."""
    remove(part)
    if source.is_dir():
        shutil.copytree(source, part, symlinks=True, ignore=special)
    else:
        shutil.copyfile(source, part)
    for path in [part, *part.rglob("*")]:
        if path.is_file() and not path.is_symlink():
            _sync(path)


def special(folder: str, names: Iterable[str]) -> set[str]:
    """Which of these are neither files, directories nor links: what shutil.copytree should ignore."""
    return {name for name in names if not _is_kept(Path(folder, name))}


def _is_kept(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:  # copytree says so
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def put(part: Path, kept: Path) -> None:
    """Give a complete copy its name, in place of what has it: at one stroke, unless a directory is involved."""
    if _moved(part, kept):
        return
    old = kept.with_name(OLD + kept.name)
    while not _moved(part, kept):  # another process may have put its own there meanwhile: the last one wins
        with contextlib.suppress(FileNotFoundError):  # or have just moved it away
            if not _moved(kept, old):
                remove(old)
    remove(old)


def _moved(source: Path, target: Path) -> bool:
    """Rename, unless a directory is in the way; whether it was done."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno not in _IN_THE_WAY:
            raise
        return False
    return True


def _later_than_all(directory: Path) -> int:
    """Now, but after everything that is there, even where a clock was set back. In nanoseconds."""
    return max([time.time_ns(), *(changed_ns + _MTIME_STEP_NS for changed_ns in _complete(directory).values())])


def remove(path: Path) -> None:
    """Take a file, link or directory away, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _tell(kept: Path, step: float | None, numbers: dict[str, float]) -> None:
    if not pipe.inside_run():
        at = "" if step is None else f" at step {step:g}"
        values = "".join(f" {key}={value:.6g}" for key, value in numbers.items())
        say(f"checkpoint {as_text(kept.name)}{at}{values}", sys.stdout)
        return
    event: dict[str, Any] = {"kind": "checkpoint", "path": as_text(kept.name), "step": step, "values": {}}
    # Another process may have just replaced it.
    with contextlib.suppress(OSError):
        event["modified_ns"] = kept.stat().st_mtime_ns
    for key, value in numbers.items():
        longer = {**event, "values": {**event["values"], key: in_json(value)}}
        if len(pipe.encode(longer)) <= pipe.MAX_LINE_BYTES:
            event = longer
    pipe.send(event)
