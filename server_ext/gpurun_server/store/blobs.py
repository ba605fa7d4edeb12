"""Blobs: files by their sha256, written once, never changed."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from gpurun_jupyter.core.errors import WrongDigest
from gpurun_jupyter.core.home import Home


class Upload:
    """A blob that is being received; `keep` gives it its place, leaving the `with` without it throws it away."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.path = home.blobs / f".upload-{secrets.token_hex(8)}"
        self._file = self.path.open("xb")
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        """Add the next piece."""
        self._hash.update(data)
        self._file.write(data)
        self.size_bytes += len(data)

    def finish(self) -> None:
        """No more pieces: the file is whole on the disk."""
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def keep(self, digest: str | None = None) -> str:
        """Put it in its place; returns its sha256. Raises WrongDigest if another one was announced."""
        self.finish()
        found = self._hash.hexdigest()
        if digest not in (None, found):
            raise WrongDigest(f"The bytes announced as {digest} have the sha256 {found}.", "Send the file again.")
        place = self._home.blob(found)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        self.path.replace(place)
        return found

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()

    def discard(self) -> None:
        """Throw away what has not been kept."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class Blobs:
    """The blobs of a state directory."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def upload(self) -> Upload:
        """Begin to receive one."""
        return Upload(self._home)

    def missing(self, blobs: Mapping[str, int | None]) -> list[str]:
        """Those of the digests, each with its size or None, that are not there."""
        return [digest for digest, size_bytes in blobs.items() if not self._has(digest, size_bytes)]

    def _has(self, digest: str, size_bytes: int | None) -> bool:
        try:
            found = self._home.blob(digest).stat().st_size
        except FileNotFoundError:
            return False
        return size_bytes in (None, found)

    def keep_file(self, path: Path) -> str:
        """Take a file in; returns its sha256."""
        with self.upload() as upload, path.open("rb") as file:
            while data := file.read(2**20):
                upload.write(data)
            return upload.keep()
