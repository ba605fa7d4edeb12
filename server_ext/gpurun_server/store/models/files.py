"""The files of model versions: taken in from a run's folder, and given out as they were, verified, or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from gpurun_jupyter.core.errors import FileMissing, TooLarge
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.manifests import Entry, Manifest
from gpurun_jupyter.core.models import MODEL_LIMITS
from gpurun_jupyter.core.system.records import open_plain
from gpurun_jupyter.report.file_names import as_text, from_text
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.folders.files import files_below, place_of

_PIECE_BYTES = 2**20


def take_in(blobs: Blobs, folder: AttemptFolder, path: str) -> tuple[str, Manifest]:
    """Keep a file or a folder that a run left; returns its manifest and that one's sha256.

    Raises FileMissing, TooLarge and StorageFull.
    """
    entries = []
    for name, place in sorted(_files(folder, path).items()):
        digest, size_bytes = blobs.keep(pieces(place))
        entries.append(Entry(name, digest, size_bytes, os.access(place, os.X_OK)))
    manifest = Manifest(entries)
    return blobs.keep_manifest(entries), manifest


def pieces(place: Path) -> Iterator[bytes]:
    """The bytes of a file, some at a time. Raises OSError, FileNotFoundError also for what is no plain file."""
    with open_plain(place) as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def checked(blobs: Blobs, digest: str) -> Iterator[bytes]:
    """The bytes of a blob, the last of them only once all were right. Raises BlobDamaged."""
    sum_, held = hashlib.sha256(), b""
    for piece in pieces(blobs.place(digest)):
        sum_.update(piece)
        if held:
            yield held
        held = piece
    if sum_.hexdigest() != digest:
        blobs.verified(digest)  # puts it aside, and says what to do
    yield held


def verify(blobs: Blobs, manifest: str) -> Manifest:
    """The manifest, once every file of it was looked through. Raises BlobDamaged."""
    found = blobs.manifest(manifest, MODEL_LIMITS)
    for digest, path in {entry.digest: entry.path for entry in found.files}.items():
        blobs.verified(digest, said(path))
    return found


def zipped(blobs: Blobs, manifest: Manifest) -> Iterator[bytes]:
    """The files as a zip, made while it is read. Raises BlobDamaged."""
    out = _Out()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # weights hardly get smaller
        for entry in manifest.files:
            info = zipfile.ZipInfo(entry.path, (1980, 1, 1, 0, 0, 0))  # blobs have no time: the first that a zip knows
            info.external_attr = (0o755 if entry.executable else 0o644) << 16
            # its header is written before anybody knows how large it is
            with archive.open(info, "w", force_zip64=True) as member:
                for piece in checked(blobs, entry.digest):
                    member.write(piece)
                    yield out.taken()
    yield out.taken()


def said(path: str) -> str:
    """A file of a model in a sentence."""
    return f"The file {path!r}"


class _Out(io.RawIOBase):
    """Where a zip is written to: gathers bytes until they are taken. It cannot seek, and zipfile can do without."""

    def __init__(self) -> None:
        self._gathered = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._gathered += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last call."""
        data, self._gathered = bytes(self._gathered), bytearray()
        return data


def _files(folder: AttemptFolder, path: str) -> dict[str, Path]:
    """The places of what lies at `path`, each by its name in the model. Raises FileMissing and TooLarge."""
    root = place_of(folder, path, folders=True)
    if root.is_file():
        return {as_text(root.name): root}
    below = [file.path for file in files_below(root, MODEL_LIMITS.files + 1)]
    if not below:
        raise FileMissing(f"The folder {path!r} of the run is empty.", "Name a folder that holds files.")
    if len(below) > MODEL_LIMITS.files:
        said = f"The folder {path!r} holds more than {MODEL_LIMITS.files:,} files."
        raise TooLarge(said, "Let the run pack it into one file.")
    return {name: root / from_text(name) for name in below}
