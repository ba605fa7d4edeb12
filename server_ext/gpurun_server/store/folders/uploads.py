"""What an attempt on another machine sends: its log, byte by byte in order, and the files that it left.

A file arrives in `incoming/` under its sha256 and gets its place when it is whole. Nothing is ever written outside the
attempt's own folders, but for blobs, which are named by their sha256; and no byte twice.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from gpurun_jupyter.core.errors import InvalidRequest, NotShipped, WrongDigest, WrongOffset
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.remote import LeftFile, LeftFiles
from gpurun_jupyter.report.checkpoints import put
from gpurun_jupyter.report.file_names import from_text
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.folders.checkpoints import ArrivingCheckpoints

_FOLDERS = ("work", "checkpoints", "outputs")
_FILES = ("outputs.json",)
_HASHED_BYTES = 2**20
#: What a file system says of a path that it cannot hold: too long, not in its characters, below what is a file here.
_CANNOT_HOLD = (errno.ENAMETOOLONG, errno.EILSEQ, errno.ENOTDIR, errno.EEXIST)


def append(path: Path, offset: int, data: bytes) -> int:
    """Append to a file that must be `offset` bytes long; returns its new length. Raises WrongOffset."""
    if offset and not path.exists():  # before it is opened, which would leave an empty one
        raise WrongOffset("The server has nothing of it yet.", "Begin at its start.", 0)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # a request that was given up may still be at work
        there = os.fstat(file.fileno()).st_size
        if there != offset:
            raise WrongOffset(f"The server has {there} bytes of it, not {offset}.", "Go on from there.", there)
        # a full disk may take a part: that counts, and the next request goes on behind it
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        return offset + len(data)


class Arrivals:
    """The files of one attempt as they arrive; what the server has as a blob anyway does not travel.

    Their paths are those below the attempt's folder, and of blobs those below the state directory.
    """

    def __init__(self, folder: AttemptFolder) -> None:
        self._folder = folder
        self._home = folder.home
        self._incoming = folder.path / "incoming"

    def have(self, left: LeftFiles) -> dict[str, int]:
        """How many bytes there are of each, by digest. Raises InvalidRequest for a path that leads elsewhere."""
        ArrivingCheckpoints(self._folder, left).inherit()
        return {file.digest: self._have(file) for file in left.files}

    def append(self, digest: str, offset: int, data: bytes) -> int:
        """Add bytes to a file. Raises WrongOffset."""
        return append(self._incoming / digest, offset, data)

    def replace(self, digest: str, data: bytes) -> None:
        """Take in a file whole, whatever there was of it; also while another request does the same."""
        beside = self._incoming / f".{digest}-{secrets.token_hex(4)}"
        append(beside, 0, data)
        beside.rename(self._incoming / digest)

    def place(self, left: LeftFiles) -> dict[str, str]:
        """Give files their places; returns which of them this file system cannot hold, by path, and why.

        Raises WrongDigest and InvalidRequest; then none is placed. NotShipped where one is not here: the same bytes may
        have been sent for another place, too, and have been given that one.
        """
        checkpoints = ArrivingCheckpoints(self._folder, left)
        checkpoints.inherit()
        places = [(file, self._place_of(file)) for file in left.files]
        open_ = [(file, target) for file, place in places if (target := self._target(file, place, checkpoints))]
        # the last place for some bytes gets the file that arrived, those before it copies
        uses = Counter(file.digest for file, _ in open_)
        for digest in uses:
            self._check(digest)
        refused: dict[str, str] = {}
        for file, place in places:
            if self._is_there(file, place):
                checkpoints.take_over(file, place)
        for file, target in open_:
            uses[file.digest] -= 1
            with _said_if_refused(file.path, refused):
                self._put(file, target, last=not uses[file.digest])
        with _said_if_refused(", ".join(left.checkpoints), refused):
            checkpoints.put_all(set(refused))
        for file in left.files:
            # it may have arrived for a place that had it already
            (self._incoming / file.digest).unlink(missing_ok=True)
        return refused

    def _target(self, file: LeftFile, place: Path, checkpoints: ArrivingCheckpoints) -> Path | None:
        """Where a file has to be put; None where it is there."""
        target = checkpoints.apart(file) or place
        return None if self._is_there(file, place) or self._is_there(file, target) else target

    def _put(self, file: LeftFile, place: Path, *, last: bool) -> None:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source, beside = self._source_of(file.digest), place.with_name(f".{file.digest}")
        try:
            if last and source.parent == self._incoming:
                source.rename(beside)
            else:
                shutil.copyfile(source, beside)
        except FileNotFoundError as error:
            raise _not_here(file.digest) from error
        # mode and time before the name: whoever finds it finds it as it was
        if place == self._blob(file.digest):
            beside.chmod(0o400)
        else:
            beside.chmod(0o700 if file.executable else 0o600)
            os.utime(beside, (file.modified_at, file.modified_at))
        put(beside, place)

    def _is_there(self, file: LeftFile, place: Path) -> bool:
        """Whether it has been placed before; a file that was placed keeps its time, a blob its sha256."""
        if place == self._blob(file.digest):
            return Blobs(self._home).has(file.digest, file.size)
        with suppress(OSError):
            status = place.lstat()
            # its time was a float in JSON on the way here, and is not exact
            return status.st_size == file.size and abs(status.st_mtime - file.modified_at) < 1e-5
        return False

    def _have(self, file: LeftFile) -> int:
        if self._is_there(file, self._place_of(file)):
            return file.size
        kept_bytes = _size(self._blob(file.digest), 0)
        return file.size if kept_bytes == file.size else _size(self._incoming / file.digest, 0)

    def _source_of(self, digest: str) -> Path:
        arrived = self._incoming / digest
        return arrived if arrived.exists() else self._blob(digest)

    def _check(self, digest: str) -> None:
        source = self._source_of(digest)
        try:
            found = _sha256(source)
        except FileNotFoundError as error:
            raise _not_here(digest) from error
        if found != digest:
            (self._incoming / digest).unlink(missing_ok=True)  # else it would count as sent
            raise WrongDigest(f"The bytes announced as {digest} have the sha256 {found}.", "Send the file again.")

    def _blob(self, digest: str) -> Path:
        return self._home.blob(digest)

    def _place_of(self, file: LeftFile) -> Path:
        """Raises InvalidRequest for what is neither within the folders of the attempt nor this very blob."""
        if file.path == self._blob(file.digest).relative_to(self._home.path).as_posix():
            return self._blob(file.digest)
        path = PurePosixPath(from_text(file.path))
        inside = (path.parts[0] in _FOLDERS and len(path.parts) > 1) or file.path in _FILES
        place = self._folder.path / path
        root = self._folder.path.resolve()
        # of its folder alone: a link in the place of the file itself is replaced, not followed
        if not inside or ".." in path.parts or "\0" in file.path or not place.parent.resolve().is_relative_to(root):
            raise InvalidRequest(f"The path {file.path!r} leads out of what an attempt leaves.", "Send its own files.")
        return place


def _not_here(digest: str) -> NotShipped:
    return NotShipped(f"The file {digest} is not here.", "Send it, then place it.")


@contextmanager
def _said_if_refused(path: str, refused: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_HOLD:
            raise
        refused[path] = f"the server cannot keep it there ({error.strerror})"


def _size(path: Path, otherwise: int) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return otherwise


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_HASHED_BYTES):
            found.update(piece)
    return found.hexdigest()
