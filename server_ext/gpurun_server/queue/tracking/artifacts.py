"""Artifacts of runs: files below `mlartifacts/` in the workspace of the run that their address names first."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from gpurun_jupyter.core.errors import FileMissing
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.runs import LOGGED_KIND
from gpurun_jupyter.report.file_names import as_text, from_text
from gpurun_jupyter.tracking import requests as asked
from gpurun_jupyter.tracking.answers import artifact_uri
from gpurun_jupyter.tracking.refusals import DENIED, NOT_FOUND, Refused
from gpurun_server.queue.tracking.asking import Asking
from gpurun_server.queue.tracking.run_messages import roots_of
from gpurun_server.store.folders.files import place_of

#: The folder of the workspace that has them.
FOLDER = "mlartifacts"
_MOST_LISTED = 10_000
_LONGEST_PATH = 2000
_IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


class Listed(NamedTuple):
    """A file or folder: its name, and the bytes of a file."""

    name: str
    size_bytes: int | None

    def message(self, path: str) -> dict[str, Any]:
        """FileInfo; `path` is what it is told as."""
        size = {} if self.size_bytes is None else {"file_size": self.size_bytes}
        return {"path": path, "is_dir": self.size_bytes is None, **size}


class Artifacts:
    """The files of a person's runs; those of logged runs can be sent and deleted, too."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def list_artifacts(self, request: asked.ListArtifacts) -> dict[str, Any]:
        """What lies at a path among those of a run."""
        with self._asking.read() as conn:
            row = self._asking.run(conn, request.run)
            root = roots_of(conn, [row])[row.id]
        found = self.listed("/".join(filter(None, (root, row.id, request.path))))
        files = [one.message("/".join(filter(None, (request.path, one.name)))) for one in found]
        return {"root_uri": artifact_uri(root, row.id), "files": files}

    def listed(self, address: str) -> list[Listed]:
        """What a folder of this address holds; nothing where there is none, or a file."""
        folder, path = self._found(address)
        try:
            place = place_of(folder, path, folders=True)
        except FileMissing:
            return []
        return [*_inside(place)] if place.is_dir() else []

    def file(self, address: str) -> Path:
        """Where a file of this address lies. Raises Refused."""
        folder, path = self._found(address)
        try:
            return place_of(folder, path)
        except FileMissing as error:
            raise no_artifact(address) from error

    def upload(self, address: str) -> ArtifactUpload:
        """Begin to receive a file. Raises Refused where none can be kept."""
        folder, path = self._found(address, to_change=True)
        if path == FOLDER:
            raise Refused(f"The address {address!r} names no file.")
        return ArtifactUpload(folder, path)

    def delete(self, address: str) -> None:
        """Delete a file, or a folder with all that is in it. Raises Refused."""
        folder, path = self._found(address, to_change=True)
        try:
            place = place_of(folder, path, folders=True)
        except FileMissing as error:
            raise no_artifact(address) from error
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def _found(self, address: str, *, to_change: bool = False) -> tuple[AttemptFolder, str]:
        """The folder of the run that an address names first, and the rest of it in its workspace. Raises Refused."""
        root, *below = parts_of(address)
        with self._asking.database.read() as conn:
            row = self._asking.run(conn, root)
        if row.deleted_at is not None:
            raise Refused(f"The run {row.name} ({row.id}) is deleted; restore it first.", NOT_FOUND)
        if to_change and row.kind != LOGGED_KIND:
            raise Refused(
                f"The run {row.name} ({row.id}) is carried out by gpurun: its own code leaves its artifacts.", DENIED
            )
        return self._asking.home.attempt(row.id, row.attempt or 1), "/".join((FOLDER, *below))


class ArtifactUpload:
    """A file that is received: under another name until it is whole."""

    def __init__(self, folder: AttemptFolder, path: str) -> None:
        base = folder.work / FOLDER
        self._place, self._address = folder.work / from_text(path), path
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not Path(os.path.realpath(self._place.parent)).is_relative_to(os.path.realpath(base)):
            raise Refused(f"The path {path!r} leads out of the artifacts of the run.")
        incoming = folder.path / "incoming"
        incoming.mkdir(mode=0o700, exist_ok=True)
        self._beside = incoming / f".artifact-{secrets.token_hex(8)}"
        self._file = os.fdopen(os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")

    def feed(self, data: bytes) -> None:
        """The next piece. Raises OSError."""
        self._file.write(data)

    def keep(self) -> None:
        """It is whole: give it its place. Raises Refused where something else is there."""
        self._file.close()
        try:
            self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._beside.replace(self._place)
        except OSError as error:
            if error.errno not in _IN_THE_WAY:
                raise
            raise Refused(f"{self._address[:200]!r} cannot be the place of a file ({error.strerror}).") from error

    def close(self) -> None:
        """Throw away what was not kept."""
        self._file.close()
        self._beside.unlink(missing_ok=True)


def no_artifact(address: str) -> Refused:
    """There is none of this address."""
    return Refused(f"There is no artifact {address!r}; mlflow.artifacts.list_artifacts lists them.", NOT_FOUND)


def parts_of(address: str) -> list[str]:
    """The parts of an address. Raises Refused for one that leads elsewhere."""
    parts = PurePosixPath(address).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in address or len(address) > _LONGEST_PATH:
        raise Refused(f"{address[:200]!r} is no address of an artifact.")
    return list(parts)


def _inside(folder: Path) -> Iterator[Listed]:
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.stat(follow_symlinks=False)) for entry in entries)
    for name, status in found[:_MOST_LISTED]:
        if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):  # no links
            yield Listed(as_text(name), None if stat.S_ISDIR(status.st_mode) else status.st_size)
