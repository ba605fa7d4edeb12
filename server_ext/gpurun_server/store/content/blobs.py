"""Blobs: files by their sha256, written once, never changed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType

from gpurun_jupyter.core.errors import BlobDamaged, NotShipped, WrongDigest
from gpurun_jupyter.core.formats.archives import DEFAULT_LIMITS, Limits
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.manifests import Entry, Manifest, decode, encode
from gpurun_server.store.disk import refusal_of

#: A blob that somebody has sent or asked for in the last so many seconds is not collected.
FRESH_S = 86400.0
#: An upload that grew no more for so long is nobody's, seconds.
_ABANDONED_S = 86400.0
_READ_BYTES = 2**20


class Upload:
    """A blob that is being received; `keep` gives it its place, leaving the `with` without it throws it away."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.path = home.blobs / f".upload-{secrets.token_hex(8)}"
        with _room():
            self.path.touch(mode=0o600, exist_ok=False)
            self._file = self.path.open("r+b")
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        """Add the next piece. Raises StorageFull."""
        self._hash.update(data)
        with _room():
            self._file.write(data)
        self.size_bytes += len(data)

    def finish(self, *, durable: bool = True) -> None:
        """No more pieces: the file is whole, and with `durable` on the disk."""
        if not self._file.closed:
            os.fchmod(self._file.fileno(), 0o400)  # its name says what is in it: nobody changes that any more
            with _room():
                self._file.flush()
                if durable:
                    os.fsync(self._file.fileno())
            self._file.close()

    def keep(self, digest: str | None = None, *, durable: bool = True) -> str:
        """Put it in its place; returns its sha256. Raises StorageFull, and WrongDigest if another one was announced."""
        self.finish(durable=durable)
        found = self._hash.hexdigest()
        if digest not in (None, found):
            raise WrongDigest(f"The bytes announced as {digest} have the sha256 {found}.", "Send the file again.")
        place = self._home.blob(found)
        with _room():
            place.parent.mkdir(mode=0o700, exist_ok=True)
            self.path.replace(place)  # over one that is there, too: a power cut may have left it short
        return found

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()

    def discard(self) -> None:
        """Throw away what has not been kept."""
        with contextlib.suppress(OSError):  # on a full disk, what it still holds back cannot be written
            self._file.close()
        with contextlib.suppress(OSError):  # read-only by now: `tidy` takes it away some day
            self.path.unlink(missing_ok=True)


class Blobs:
    """The blobs of a state directory."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def tidy(self) -> None:
        """Remove what servers that were killed had begun to receive."""
        for path in self._home.blobs.glob(".upload-*"):
            with contextlib.suppress(FileNotFoundError):  # another server tidies, too, or it has got its place
                if path.stat().st_mtime < time.time() - _ABANDONED_S:
                    path.unlink()

    def upload(self) -> Upload:
        """Begin to receive one."""
        return Upload(self._home)

    def keep(self, pieces: Iterable[bytes], digest: str | None = None) -> tuple[str, int]:
        """Take one in; returns its sha256 and its size. Raises WrongDigest and StorageFull.

        It is not forced to the disk, which would take milliseconds for each of thousands: one that a power cut left
        short has the wrong size, counts as missing, and is sent again.
        """
        with self.upload() as upload:
            for piece in pieces:
                upload.write(piece)
            return upload.keep(digest, durable=False), upload.size_bytes

    def has(self, digest: str, size_bytes: int | None = None) -> bool:
        """Whether the blob is there, and of this size where one is given."""
        path = f"{self._folder}/{digest[:2]}/{digest}"
        try:
            found = os.stat(path)  # noqa: PTH116 - asked thousands of times
            # not at each look: half of the time is early enough
            if found.st_mtime < time.time() - FRESH_S / 2:
                os.utime(path)  # whoever asks is about to use it: `prune` leaves it alone
        except FileNotFoundError:  # or put aside between these two
            return False
        return size_bytes is None or found.st_size == size_bytes

    def missing(self, blobs: Mapping[str, int | None]) -> list[str]:
        """Those of the digests, each with its size or None, that are not there."""
        return [digest for digest, size_bytes in blobs.items() if not self.has(digest, size_bytes)]

    def place(self, digest: str) -> Path:
        """Where the blob lies, if it is there."""
        return self._home.blob(digest)

    def verified(self, digest: str, what: str = "") -> Path:
        """Where the blob lies, its bytes looked through; `what` a person calls it.

        Raises BlobDamaged: wrong bytes are not handed out.

        Damaged ones are put aside, so that the blob counts as missing and is taken in anew when it is sent again.
        """
        path, sum_, what = self._home.blob(digest), hashlib.sha256(), what or f"The blob {digest}"
        try:
            with path.open("rb") as file:
                while piece := file.read(_READ_BYTES):
                    sum_.update(piece)
        except OSError as error:
            raise BlobDamaged(f"{what} cannot be read ({error.strerror}).", _RESTORE) from error
        if sum_.hexdigest() != digest:
            self._put_aside(path)
            raise BlobDamaged(f"{what} is damaged: its stored bytes have changed.", _RESTORE)
        return path

    def manifest(self, digest: str, limits: Limits = DEFAULT_LIMITS) -> Manifest:
        """The manifest with this digest, looked through. Raises BlobDamaged."""
        return decode(self.verified(digest, "The list of the files").read_bytes(), limits)

    def whole_manifest(self, digest: str, limits: Limits = DEFAULT_LIMITS) -> Manifest:
        """The manifest with this digest, if all its files are there. Raises NotShipped and BadArchive."""
        if not self.has(digest):
            raise NotShipped("The server does not have that manifest.", _SEND)
        manifest = decode(self._home.blob(digest).read_bytes(), limits)
        if missing := self.missing({**manifest.blobs()}):
            raise NotShipped(f"The server lacks {len(missing)} files of that manifest.", _SEND)
        return manifest

    def keep_manifest(self, files: Iterable[Entry]) -> str:
        """Take in the manifest of files that are there; returns its sha256."""
        return self.keep([encode(files)])[0]

    @property
    def _folder(self) -> str:
        return str(self._home.blobs)

    def _put_aside(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.rename(path.with_suffix(".damaged"))


@contextlib.contextmanager
def _room() -> Iterator[None]:
    """Say of a full or read-only disk what it is. Raises StorageFull and StorageUnusable."""
    try:
        yield
    except OSError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


_RESTORE = "Register the same files again, which stores them anew, or restore the blob from a backup."
_SEND = "Send what POST blobs/missing names with POST blobs/zip or PUT blobs/DIGEST, then submit again."
