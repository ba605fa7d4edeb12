"""Data sets in a run: each is laid out once a machine, without leave to write, and linked into workspaces.

No mode stops root, as whom most containers run: there a run has a copy of its own, where that costs little.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from gpurun_jupyter.agent.runner.copies import folders, lay_out, manifest_of, shares_blocks
from gpurun_jupyter.core.data_sets import DATA_LIMITS
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.manifests import Manifest
from gpurun_jupyter.core.runs import DataUse
from gpurun_jupyter.core.units import format_size

#: All of a copy is of this time: a file or folder that root, whom no mode stops, has changed is of another.
_TIME_NS = 10**18
_READ_ONLY, _OWN = 0o555, 0o700


#: What root has a copy of its own of, where the file system cannot share blocks.
_COPIED_BYTES = 2**30


def show(folder: AttemptFolder, use: DataUse) -> str:
    """Link a data set into the workspace; returns what the user should know. Raises FileMissing and OSError."""
    assert use.manifest is not None  # given at acceptance
    place = folder.work / use.place
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy, note = _own_copy(folder, use, use.manifest) if os.geteuid() == 0 else (None, "")
    place.symlink_to(copy or _copy_of(folder.home, use.manifest), target_is_directory=True)
    return note


def _own_copy(folder: AttemptFolder, use: DataUse, digest: str) -> tuple[Path | None, str]:
    """A copy for this attempt alone; None, and what that means, where it would cost too much."""
    manifest = manifest_of(folder.home, digest, DATA_LIMITS)
    if manifest.size_bytes > _COPIED_BYTES and not shares_blocks(folder.path):
        size = format_size(manifest.size_bytes)
        return None, (
            f"The data set {use.name} ({size}) is the copy that all runs of this machine share, and root may write to "
            "it: do not. A run that finds it changed gets a fresh one."
        )
    copy = folder.data / hashlib.sha256(use.place.encode()).hexdigest()[:16]
    lay_out(folder.home, manifest, copy, writable=False)
    return copy, ""


def _copy_of(home: Home, digest: str) -> Path:
    """The machine's copy, made where there is none or somebody has written to it."""
    copy, manifest = home.data / digest, manifest_of(home, digest, DATA_LIMITS)
    if copy.exists() and not _is_untouched(copy, manifest):
        _put_away(copy)
    if not copy.exists():
        _make(home, manifest, copy)
    return copy


def _make(home: Home, manifest: Manifest, copy: Path) -> None:
    """Beside and renamed: a run never sees a part, and of two that are made at once, one is kept."""
    home.data.mkdir(mode=0o700, exist_ok=True)
    beside = copy.with_name(f".{secrets.token_hex(8)}")
    try:
        lay_out(home, manifest, beside, writable=False)
        _set_folder_modes(beside, _READ_ONLY)
        for path in _paths(manifest):  # when all is there: what is made in a folder changes its time
            os.utime(f"{beside}/{path}", ns=(_TIME_NS, _TIME_NS))
        beside.chmod(_OWN)  # else only root could rename it
        try:
            beside.rename(copy)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another runner was quicker
                raise
        else:
            copy.chmod(_READ_ONLY)
    finally:
        _remove(beside)


def _is_untouched(copy: Path, manifest: Manifest) -> bool:
    try:
        return all(os.stat(f"{copy}/{path}").st_mtime_ns == _TIME_NS for path in _paths(manifest))  # noqa: PTH116 - many
    except OSError:
        return False


def _paths(manifest: Manifest) -> Iterator[str]:
    """Of its files and its folders."""
    yield from (entry.path for entry in manifest.files)
    yield from folders(manifest)


def _put_away(copy: Path) -> None:
    """Out of the way of a fresh copy; the next one to be put away removes it.

    Runs that use it have what they opened; what they open from now on is of the fresh one, to which their link leads.
    """
    for old in copy.parent.glob(f".old-{copy.name}-*"):
        _remove(old)
    with contextlib.suppress(FileNotFoundError):  # another runner was quicker
        copy.chmod(_OWN)
        copy.rename(copy.with_name(f".old-{copy.name}-{secrets.token_hex(4)}"))


def _remove(folder: Path) -> None:
    if folder.exists():
        _set_folder_modes(folder, _OWN)
        shutil.rmtree(folder, ignore_errors=True)


def _set_folder_modes(root: Path, mode: int) -> None:
    for folder, _, _ in os.walk(root):
        Path(folder).chmod(mode)
