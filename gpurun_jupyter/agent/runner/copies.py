"""Laying out a manifest: its blobs copied to their paths, sharing blocks where the file system can, never an inode.

Linux alone has FICLONE; elsewhere, and where the file system refuses, bytes are copied.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from gpurun_jupyter.core.errors import FileMissing
from gpurun_jupyter.core.formats.archives import DEFAULT_LIMITS, Limits
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.manifests import Manifest, decode

_FICLONE = 0x40049409  # of linux/fs.h
_CANNOT = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM)
_COPY_BYTES = 2**30


def manifest_of(home: Home, digest: str, limits: Limits = DEFAULT_LIMITS) -> Manifest:
    """The manifest with this digest. Raises FileMissing and BadArchive."""
    try:
        return decode(home.blob(digest).read_bytes(), limits)
    except FileNotFoundError as error:
        raise FileMissing("The shipped directory is gone from the server.", "Submit it again.") from error


def lay_out(home: Home, manifest: Manifest, into: Path, *, writable: bool = True) -> None:
    """Copy the files of a manifest into a folder, which is made. Raises FileMissing and OSError."""
    for folder in sorted(folders(manifest)):
        (into / folder).mkdir(parents=True, exist_ok=True)
    blobs, root, copier = str(home.blobs), str(into), Copier()
    for entry in manifest.files:
        mode = (0o755 if entry.executable else 0o644) & (0o777 if writable else 0o555)
        try:
            copier.copy(f"{blobs}/{entry.digest[:2]}/{entry.digest}", f"{root}/{entry.path}", mode)
        except FileNotFoundError as error:
            raise FileMissing(f"{entry.path} is gone from the server.", "Submit the directory again.") from error


def folders(manifest: Manifest) -> set[str]:
    """The paths of its folders that hold files; the empty one is its top."""
    return {entry.path.rpartition("/")[0] for entry in manifest.files} | {""}


def shares_blocks(folder: Path) -> bool:
    """Whether files of this folder's file system can share blocks, so that a copy takes neither time nor room."""
    if not hasattr(os, "copy_file_range"):  # as Copier has it
        return False
    with tempfile.TemporaryFile(dir=folder) as before, tempfile.TemporaryFile(dir=folder) as after:
        before.write(b"x")
        before.flush()
        try:
            fcntl.ioctl(after.fileno(), _FICLONE, before.fileno())
        except OSError:
            return False
    return True


class Copier:
    """Copies files in the quickest way that works here, and remembers which ways do not."""

    def __init__(self) -> None:
        self._clones = hasattr(os, "copy_file_range")  # Linux

    def copy(self, source: str, target: str, mode: int) -> None:
        """Make `target`, which must not be there, with the content of `source`. Raises OSError."""
        before = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # no hard link: what a run writes must not get into the blob
            after = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                if not (self._clones and self._cloned(before, after)):
                    _copy_bytes(before, after)
                os.fchmod(after, mode)  # open would have heeded the umask
            finally:
                os.close(after)
        finally:
            os.close(before)

    def _cloned(self, before: int, after: int) -> bool:
        try:
            fcntl.ioctl(after, _FICLONE, before)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            self._clones = False
            return False
        return True


def _copy_bytes(before: int, after: int) -> None:
    """Within the kernel where that works, else through this process."""
    if hasattr(os, "copy_file_range"):
        try:
            while os.copy_file_range(before, after, _COPY_BYTES):
                pass
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
        else:
            return
    # both go on where the kernel may have stopped half way
    with open(before, "rb", closefd=False) as source, open(after, "wb", closefd=False) as target:
        shutil.copyfileobj(source, target)
