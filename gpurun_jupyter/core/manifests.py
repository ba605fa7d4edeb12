"""A directory by content: each file's path, sha256, size and whether it is executable. Its own sha256 names it.

A manifest is a blob like the files that it lists, so a spec holds 64 characters whatever the directory holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from gpurun_jupyter.core.errors import BadArchive
from gpurun_jupyter.core.formats.archives import DEFAULT_LIMITS, Limits
from gpurun_jupyter.core.units import format_size

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]

_LONGEST_PATH = 1024  # characters
_LONGEST_NAME_BYTES = 255  # of one folder or file, as file systems have it


class Entry(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A file: `path` is relative, with slashes."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_PATH)]
    digest: Digest
    size_bytes: Annotated[int, msgspec.Meta(ge=0)]
    executable: bool = False


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files of a directory; folders are those that the paths name, so an empty one is not kept."""

    files: list[Entry]
    v: Literal[1] = 1

    @property
    def size_bytes(self) -> int:
        """The files' sizes added up."""
        return sum(entry.size_bytes for entry in self.files)

    def blobs(self) -> dict[str, int]:
        """The size of each blob by its digest."""
        return {entry.digest: entry.size_bytes for entry in self.files}


def encode(files: Iterable[Entry]) -> bytes:
    """The manifest of these files: the same files give the same bytes."""
    return msgspec.json.encode(Manifest(sorted(files)))


def digest_of(data: bytes) -> str:
    """The sha256 that names these bytes."""
    return hashlib.sha256(data).hexdigest()


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Manifest:
    """A manifest from elsewhere. Raises BadArchive for one that must not be laid out."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadArchive(f"This is not a manifest: {error}.", "docs/http.md shows one.") from error
    _check_amount(manifest, limits)
    _check_paths(manifest)
    return manifest


def _check_amount(manifest: Manifest, limits: Limits) -> None:
    total_bytes, kept_bytes = manifest.size_bytes, sum(manifest.blobs().values())
    if len(manifest.files) > limits.files:
        raise BadArchive(f"The directory holds {len(manifest.files)} files; the limit is {limits.files}.")
    if total_bytes > limits.total_bytes:
        raise BadArchive(
            f"The directory holds {format_size(total_bytes)}; the limit is {format_size(limits.total_bytes)}."
        )
    if total_bytes > limits.ratio_from_bytes and total_bytes > kept_bytes * limits.ratio:
        raise BadArchive("The directory holds the same files hundreds of times, as a bomb does.")


def _check_paths(manifest: Manifest) -> None:
    names = {entry.path for entry in manifest.files}
    if len(names) < len(manifest.files):
        raise BadArchive("The manifest holds one path twice.")
    folders: set[str] = set()
    for name in names:
        parts = name.split("/")
        if "" in parts or "." in parts or ".." in parts or "\0" in name:
            raise BadArchive(f"The path {name!r} in the manifest leaves its folder.", "Give paths inside it.")
        # A character has four bytes at most: most paths need no closer look.
        if len(name) * 4 > _LONGEST_NAME_BYTES and max(len(part.encode()) for part in parts) > _LONGEST_NAME_BYTES:
            raise BadArchive(f"The path {name!r} is too long for a file.", "Give it a shorter name.")
        folders.update("/".join(parts[:end]) for end in range(1, len(parts)))
    if both := names & folders:
        raise BadArchive(f"{min(both)!r} in the manifest is a file and a folder.")
