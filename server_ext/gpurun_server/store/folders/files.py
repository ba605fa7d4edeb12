"""The files that a run left: its workspace, and its checkpoints under `checkpoints/`; what it made goes first."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gpurun_jupyter.core.errors import FileMissing
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.manifests import Manifest
from gpurun_jupyter.core.run_files import RunFile
from gpurun_jupyter.report.file_names import as_text, from_text
from gpurun_server.store.folders.shipped import Shipped

#: A workspace may hold a data set of millions of files: so many are listed where nobody says how many.
MOST = 10_000

_CHECKPOINTS = "checkpoints"


def files_of(folder: AttemptFolder, manifest: Manifest | None = None, most: int = MOST) -> list[RunFile]:
    """The files of an attempt by their paths, `most` of them at most; links are left out.

    What the run made or changed goes before what is as the `manifest` has it.
    """
    work = _below(folder.work, "", most, Shipped(folder.work, manifest) if manifest else None)
    found = [*work, *_below(folder.checkpoints, f"{_CHECKPOINTS}/", most)]
    return sorted(found, key=lambda file: (file.shipped, file.path))[:most]


def files_below(root: Path, most: int) -> list[RunFile]:
    """The files of a folder by their paths in it, `most` of them at most; links are left out."""
    return sorted(_below(root, "", most), key=lambda file: file.path)


def place_of(folder: AttemptFolder, path: str, *, folders: bool = False) -> Path:
    """Where the file of an attempt with this text for a path lies, or with `folders` a folder.

    Raises FileMissing, also for what leads out of its folders.
    """
    places = [(folder.work, path)]
    if path.startswith(f"{_CHECKPOINTS}/"):
        places.append((folder.checkpoints, path.removeprefix(f"{_CHECKPOINTS}/")))
    for root, below in places if "\0" not in path else ():
        if root.is_symlink():  # a run has put it in the place of its folder
            continue
        real = Path(os.path.realpath(root / from_text(below)))
        with contextlib.suppress(OSError):  # longer than a path can be
            # both without links: the state directory itself may lie behind one
            if real.is_relative_to(os.path.realpath(root)) and (real.is_file() or (folders and real.is_dir())):
                return real
    raise FileMissing(f"The run has no file {path!r}.", "`%gpurun files RUN` lists those there are.")


def _below(root: Path, prefix: str, most: int, shipped: Shipped | None = None) -> Iterator[RunFile]:
    """Counts what it yields, but for what was shipped: a huge tree is not walked to its end."""
    count = 0
    for directory, names, files in () if root.is_symlink() else os.walk(root):
        names.sort()  # os.walk goes on in this order
        for name in sorted(files):
            place = Path(directory, name)
            status = _plain(place)
            if status is None:
                continue
            path = place.relative_to(root).as_posix()
            unchanged = shipped is not None and shipped.is_unchanged(path, status)
            yield RunFile(f"{prefix}{as_text(path)}", status.st_size, status.st_mtime, unchanged)
            count += not unchanged
            if count == most:
                return


def _plain(place: Path) -> os.stat_result | None:
    """What is known of a plain file; None for anything else, and for what is gone by now."""
    try:
        status = place.lstat()
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None
