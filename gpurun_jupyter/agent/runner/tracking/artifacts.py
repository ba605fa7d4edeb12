"""Artifacts of a run's MLflow clients: files of its workspace, in `mlartifacts/`, a folder for each run and model."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path, PurePosixPath
from typing import Any

from gpurun_jupyter.tracking.refusals import NOT_FOUND, Refused

#: As MLflow's own server calls the folder of those that it keeps.
FOLDER = "mlartifacts"


class Elsewhere(Exception):
    """Raised for what is not of this attempt: its server may know it."""


class Artifacts:
    """Those of one attempt. Paths of requests are `ROOT/WHOSE/...`: the run, and the run or model they belong to."""

    def __init__(self, work: Path, run_id: str, earlier: set[str]) -> None:
        self._folder = work / FOLDER
        self._run_id = run_id
        self._earlier = earlier  # ids of attempts before, in the same session

    def place(self, path: str) -> Path:
        """Where a file or folder lies. Raises Elsewhere, and Refused for a path that leaves the folder."""
        root, _, rest = path.strip("/").partition("/")
        if root != self._run_id and root not in self._earlier:
            raise Elsewhere
        whose, _, inside = rest.partition("/")
        return self.of(whose, inside)

    def of(self, whose: str, inside: str = "") -> Path:
        """The same by the id of a run or a model. Raises Refused."""
        whose = self._run_id if whose in self._earlier else whose
        parts = PurePosixPath(inside).parts
        if not whose or whose.startswith(".") or ".." in parts or inside.startswith("/") or "\0" in inside:
            raise Refused(f"{inside!r} is no path below the artifacts of a run; leave '..' and a leading '/' out.")
        return self._folder.joinpath(whose, *parts)

    def listed(self, folder: Path, prefix: str = "") -> list[dict[str, Any]]:
        """FileInfo of what is in a folder, each path with `prefix` before it; nothing where there is none."""
        found = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                sizes = {} if entry.is_dir() else {"file_size": entry.stat().st_size}
                found.append({"path": f"{prefix}{entry.name}", "is_dir": entry.is_dir(), **sizes})
        return found


class Receiving:
    """A file that comes in pieces; it gets its name when all of it is there."""

    def __init__(self, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        self._place = place
        self._beside = place.with_name(f".upload-{secrets.token_hex(8)}")
        self._file = self._beside.open("xb")
        self.write = self._file.write

    def keep(self) -> None:
        """All of it has come."""
        self._file.close()
        self._beside.replace(self._place)

    def drop(self) -> None:
        """No more comes; nothing where it is kept already."""
        self._file.close()
        self._beside.unlink(missing_ok=True)


def found_file(place: Path) -> Path:
    """The file, if it is one. Raises Refused."""
    if not place.is_file():
        raise Refused(f"There is no artifact {place.name!r}.", NOT_FOUND)
    return place
