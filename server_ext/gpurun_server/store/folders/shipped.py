"""Which files of a workspace are as they were shipped: told by their content, which a time does not tell."""

from __future__ import annotations

import hashlib
import os
import time
from functools import lru_cache
from pathlib import Path, PurePosixPath

from gpurun_jupyter.core.manifests import Manifest
from gpurun_jupyter.core.system.records import open_plain

_READ_BYTES = 2**20
#: A file touched this shortly before may be changed again within the same tick of its file system's clock.
_SETTLED_NS = 2 * 10**9


class Shipped:
    """What a manifest laid out in the workspace `root`."""

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self._root = root
        self._entries = {entry.path: entry for entry in manifest.files}

    def is_unchanged(self, path: str, found: os.stat_result) -> bool:
        """Whether the file at `path` came with the run and holds what it held, or was compiled from such a one."""
        entry = self._entries.get(path)
        if entry is not None:
            return entry.size_bytes == found.st_size and entry.digest == _digest(self._root / path, found)
        source = _source_of(path)
        return source in self._entries and self._is_there_unchanged(source)

    def _is_there_unchanged(self, path: str) -> bool:
        try:
            return self.is_unchanged(path, (self._root / path).lstat())
        except OSError:
            return False


def _source_of(path: str) -> str:
    """`model.py` of `__pycache__/model.cpython-312.pyc`; nothing for what is no such file."""
    place = PurePosixPath(path)
    if place.parent.name != "__pycache__" or place.suffix != ".pyc":
        return ""
    return (place.parent.parent / f"{place.name.partition('.')[0]}.py").as_posix()


def _digest(place: Path, found: os.stat_result) -> str:
    """The sha256 of a file, read once as long as nobody touches it; empty for what cannot be read."""
    # the time of the inode's change as well: a run can set the other to what it was
    stamp = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    is_settled = found.st_ctime_ns < time.time_ns() - _SETTLED_NS
    return _read_once(place, stamp) if is_settled else _sha256(place)


@lru_cache(maxsize=100_000)
def _read_once(place: Path, stamp: tuple[int, ...]) -> str:  # noqa: ARG001 - another stamp is another file
    return _sha256(place)


def _sha256(place: Path) -> str:
    found = hashlib.sha256()
    try:
        with open_plain(place) as file:
            while piece := file.read(_READ_BYTES):
                found.update(piece)
    except OSError:
        return ""
    return found.hexdigest()
