"""Which files of a workspace a run makes or adds to: those that were there before count from where they ended."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gpurun_jupyter.core.system.records import open_plain

#: So much is looked at: a run may make any number of folders.
MAX_FOLDERS = 2000
MAX_FILES = 500
#: A folder that changed so shortly ago, in seconds, may change again under the same time of change.
_RACY_S = 2.0
#: So much of a file tells whether it was written anew.
_BEGINNING_BYTES = 4096
#: Folders in which no logger writes.
_NOT_LOOKED_INTO = frozenset(
    ("__pycache__", "node_modules", "site-packages", ".git", ".venv", ".cache", ".ipynb_checkpoints", "mlartifacts")
)


class Growth(NamedTuple):
    """Bytes of a file, named by its path below the workspace: from its `start`, since it may have been written anew."""

    path: PurePosixPath
    start: int
    data: bytes
    size: int


class _Known:
    """A file as it was last looked at; what it had at the beginning is not the run's."""

    def __init__(self, at_start: int = 0) -> None:
        self.at_start = at_start
        self.identity: tuple[int, int] = (0, 0)
        self.changed_ns = 0
        self.read_to = 0
        self.beginning = b""

    def has_changed(self, now: os.stat_result) -> bool:
        """Whether there may be more to read, or something else."""
        return (self.changed_ns, self.identity, self.read_to) != (
            now.st_mtime_ns,
            (now.st_dev, now.st_ino),
            now.st_size,
        )


class WorkspaceFiles:
    """The wanted files below a folder. Links are not followed, neither to files nor to folders."""

    def __init__(self, root: Path, wanted: Callable[[PurePosixPath], bool]) -> None:
        self._root = Path(os.path.realpath(root))
        self._wanted = wanted
        self._folders: dict[PurePosixPath, float] = {PurePosixPath(): -1.0}  # when each was last looked into
        self._files: dict[PurePosixPath, _Known] = {}
        for path in self._look():
            with contextlib.suppress(OSError):
                self._files[path] = _Known((root / path).stat(follow_symlinks=False).st_size)

    def grown(self) -> Iterator[tuple[PurePosixPath, os.stat_result]]:
        """Files that are new or have changed."""
        for path in self._look():
            self._files.setdefault(path, _Known())
        for path, known in [*self._files.items()]:
            with contextlib.suppress(OSError):
                now = (self._root / path).stat(follow_symlinks=False)
                if known.has_changed(now):
                    yield path, now

    def at_start(self, path: PurePosixPath) -> int:
        """How many bytes the file had when the run began."""
        return self._files[path].at_start

    def read(self, path: PurePosixPath, now: os.stat_result, most_bytes: int, *, whole: bool) -> Growth | None:
        """The next bytes of a file, or all of it; None where there are none, or too many."""
        known = self._files[path]
        identity = (now.st_dev, now.st_ino)
        if whole or identity != known.identity or now.st_size < known.read_to:
            known.read_to = 0
            if known.identity != (0, 0) and identity != known.identity:
                known.at_start = 0  # another file took its place: all of it is the run's
        if not self._is_below(path.parent):
            return None
        with contextlib.suppress(OSError), open_plain(self._root / path) as file:
            if known.read_to and file.read(len(known.beginning)) != known.beginning:
                known.read_to = 0  # written anew, as some loggers do for a new column
            start = file.seek(known.read_to)
            data = file.read(most_bytes)
            known.beginning = known.beginning if start else data[:_BEGINNING_BYTES]
            known.identity, known.read_to = identity, start + len(data)
            # one that was not read to its end comes again
            known.changed_ns = now.st_mtime_ns if known.read_to >= now.st_size else 0
            return Growth(path, start, data, now.st_size) if data or whole else None
        return None

    def _look(self) -> Iterator[PurePosixPath]:
        """Wanted files that are not known yet, in folders that have changed since they were last looked into."""
        waiting = [*self._folders]
        for folder in waiting:
            looked_at, now = self._folders[folder], time.time()
            try:
                if (self._root / folder).stat().st_mtime < looked_at - _RACY_S:
                    continue
                if not self._is_below(folder):
                    raise NotADirectoryError(folder)
                entries = [*os.scandir(self._root / folder)]
            except OSError:  # it is gone, or a link by now
                del self._folders[folder]
                continue
            self._folders[folder] = now
            for entry in entries:
                path = folder / entry.name
                if entry.is_dir(follow_symlinks=False):
                    if path not in self._folders and entry.name not in _NOT_LOOKED_INTO and len(waiting) < MAX_FOLDERS:
                        self._folders[path] = -1.0
                        waiting.append(path)
                elif self._is_new(path) and entry.is_file(follow_symlinks=False):
                    yield path

    def _is_below(self, folder: PurePosixPath) -> bool:
        """Whether the folder lies below the workspace, and no link leads to it: a run may have put one in its place."""
        return os.path.realpath(self._root / folder) == str(self._root / folder)

    def _is_new(self, path: PurePosixPath) -> bool:
        return path not in self._files and len(self._files) < MAX_FILES and self._wanted(path)
