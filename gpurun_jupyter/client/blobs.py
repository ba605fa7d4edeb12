"""Single files by content: those that the server lacks are sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from gpurun_jupyter.client.http import Connection

_PIECE_BYTES = 2**20


def send(connection: Connection, blobs: Mapping[str, Path | bytes]) -> None:
    """Send those of the blobs, by their sha256, that the server lacks. Raises WrongDigest."""
    sizes = {digest: len(at) if isinstance(at, bytes) else at.stat().st_size for digest, at in blobs.items()}
    for digest in connection.post("blobs/missing", dict[str, list[str]], {"blobs": sizes})["missing"]:
        # Made anew for each try: an iterator that has been sent in part is used up.
        connection.upload("PUT", f"blobs/{digest}", lambda at=blobs[digest]: _content(at))  # type: ignore[misc]


def _content(at: Path | bytes) -> bytes | Iterator[bytes]:
    return at if isinstance(at, bytes) else _pieces(at)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
