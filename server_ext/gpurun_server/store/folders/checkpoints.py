"""Checkpoints of attempts on other machines: each gets its name when all of it is here; the next attempt asks for them.

Whatever is killed in between leaves at most what `report.checkpoint` itself leaves, and who reads it passes that over.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.remote import CheckpointFile, EarlierCheckpoints, LeftFile, LeftFiles
from gpurun_jupyter.report.checkpoints import OLD, PART, put, remove
from gpurun_jupyter.report.file_names import as_text, from_text

#: Beginning of the names of folders that wait for the rest of them.
_ARRIVED = f"{PART}arrived."


class ArrivingCheckpoints:
    """The checkpoints among files that get their places: a folder is laid out apart, and takes its name in one."""

    def __init__(self, folder: AttemptFolder, left: LeftFiles) -> None:
        self._root = folder.checkpoints
        self._folder = folder
        self._left = left
        paths = {file.path for file in left.files}
        self._folders = {_checked(name) for name in left.checkpoints if f"{self._root.name}/{name}" not in paths}
        if not left.delivery:  # of which all files are here: what another request left by halves is no part of it
            for name in self._folders:
                remove(self._apart(name))

    def inherit(self) -> None:
        """Begin where the agent began: with what the attempt before left, of which nothing needs to travel then."""
        earlier = _newest_before(self._folder) if self._left.checkpoints and not self._root.exists() else None
        if earlier is None:
            return
        beside = self._root.with_name(f".inherited-{secrets.token_hex(4)}")
        ignored = shutil.ignore_patterns(f"{PART}*")
        shutil.copytree(earlier, beside, symlinks=True, ignore=ignored, copy_function=os.link)  # nobody writes in them
        with suppress(OSError):  # another request was faster
            beside.rename(self._root)
        remove(beside)

    def apart(self, file: LeftFile) -> Path | None:
        """Where a file of a folder waits for the rest of it; None for other files."""
        parts = PurePosixPath(file.path).parts
        if parts[0] != self._root.name or parts[1] not in self._folders:
            return None
        return self._apart(parts[1]).joinpath(*map(from_text, parts[2:]))

    def take_over(self, file: LeftFile, place: Path) -> None:
        """A file of a folder that is as it was in the one before."""
        if (target := self.apart(file)) is not None:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):  # the same request, once more
                os.link(place, target)

    def put_all(self, refused: Collection[str]) -> None:
        """Everything is there: give the folders their names, and take away what the attempt does not keep any more.

        A folder of which a file was refused is not put: it would not be whole.
        """
        if self._left.more:
            return
        torn = {PurePosixPath(path).parts[1] for path in refused if path.startswith(f"{self._root.name}/")}
        for name in self._folders - torn:
            part = self._apart(name)
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
            # only now: each file that came into the folder has changed its time, by which the newest is found
            os.utime(part, (self._left.checkpoints[name],) * 2)
            put(part, self._root / from_text(name))
        if self._left.kept is None or not self._root.is_dir():
            return
        for there in list(self._root.iterdir()):
            if there.name.startswith(_ARRIVED) or not self._is_kept(there.name):
                remove(there)

    def _is_kept(self, name: str) -> bool:
        return as_text(name) in (self._left.kept or ()) or name.startswith((PART, OLD))

    def _apart(self, name: str) -> Path:
        """Called by a hash: there is no room for more in a name that is as long as one can be."""
        return self._root / f"{_ARRIVED}{self._left.delivery}.{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def earlier_checkpoints(folder: AttemptFolder) -> EarlierCheckpoints:
    """Those of the newest attempt before this one that left any."""
    root = _newest_before(folder)
    if root is None:
        return EarlierCheckpoints()
    folders = (path for path in root.iterdir() if path.is_dir() and not path.is_symlink())
    times = {as_text(path.name): path.stat().st_mtime for path in folders if not path.name.startswith(PART)}
    files = [_checkpoint(root, path) for path in _plain_below(root)]
    return EarlierCheckpoints(int(root.parent.name), files, times)


def checkpoint_of(folder: AttemptFolder, earlier: int, path: str) -> Path:
    """A file of an earlier attempt's checkpoints. Raises InvalidRequest for one that is not there."""
    root = AttemptFolder(folder.path.with_name(str(earlier))).checkpoints
    place = root / from_text(path)
    if earlier >= int(folder.path.name) or not _is_plain(place) or not place.resolve().is_relative_to(root.resolve()):
        raise InvalidRequest(f"Attempt {earlier} left no checkpoint {path!r}.")
    return place


def _newest_before(folder: AttemptFolder) -> Path | None:
    for earlier in range(int(folder.path.name) - 1, 0, -1):
        root = AttemptFolder(folder.path.with_name(str(earlier))).checkpoints
        if not root.is_symlink() and any(_plain_below(root)):  # a run may have put a link there
            return root
    return None


def _plain_below(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if _is_plain(path) and not path.relative_to(root).parts[0].startswith(PART):
            yield path


def _checked(name: str) -> str:
    if PurePosixPath(name).parts != (name,) or name == ".." or "\0" in name or name.startswith((PART, OLD)):
        raise InvalidRequest(f"{name!r} cannot be the name of a checkpoint.", "Name a file or folder.")
    return name


def _checkpoint(root: Path, path: Path) -> CheckpointFile:
    status = path.stat()
    return CheckpointFile(as_text(path.relative_to(root)), status.st_size, status.st_mtime)


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
