"""The sha256 of files, remembered between calls: a file that was not touched is not read again.

What is remembered lies in the user's cache directory, one file for each directory that was shipped. It is written whole
and renamed, so callers at the same time only forget each other's news; one that is damaged counts as empty.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from gpurun_jupyter.shipping.collect import File, Shipment
from gpurun_jupyter.shipping.reading import WentAway, pieces

#: A file touched this shortly before it was read may be changed again within the same tick of its file system's clock.
_SETTLED_NS = 2 * 10**9
_KEPT_DIRECTORIES = 200
_CRC_BYTES = 4

#: size, mtime_ns, ctime_ns and inode, which all have to be the same still; the sha256.
_Known = tuple[int, int, int, int, bytes]  # an mtime alone can be set back, as copies and archives do
_decode = msgspec.msgpack.Decoder(dict[str, _Known]).decode


class Hashed(NamedTuple):
    """The content of a file: its sha256, and how many bytes were read."""

    digest: str
    size_bytes: int


def hashed(shipment: Shipment, folder: Path | None = None) -> list[Hashed | None]:
    """The content of each of a shipment's files; None for one that went away.

    Raises InvalidRequest for one that cannot be read.
    """
    place = (folder or cache_folder()) / f"{hashlib.sha256(os.fsencode(shipment.root)).hexdigest()[:32]}.hashes"
    known = _read(place)
    now: dict[str, _Known] = {}
    found = [_hashed(file, known.get(file.name), now) for file in shipment.files]
    if any(known.get(name) != entry for name, entry in now.items()):
        _write(place, known | now if len(known) <= 2 * len(now) + 1000 else now)
    return found


def cache_folder() -> Path:
    """Where it is remembered: `gpurun` in the user's cache directory."""
    from platformdirs import user_cache_path

    return user_cache_path("gpurun", appauthor=False)


def stamp_of(found: os.stat_result) -> tuple[int, int, int, int]:
    """What changes when a file does: its size, times and inode."""
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _hashed(file: File, known: _Known | None, now: dict[str, _Known]) -> Hashed | None:
    found, stamp = file.found, stamp_of(file.found)
    if known is not None and known[:4] == stamp:
        now[file.name] = known
        return Hashed(known[4].hex(), found.st_size)
    begun_ns = time.time_ns()  # not later: reading may take longer than files need to settle
    try:
        digest, size_bytes = _read_all(file.path)
    except WentAway:
        return None
    if size_bytes == found.st_size and max(found.st_mtime_ns, found.st_ctime_ns) < begun_ns - _SETTLED_NS:
        now[file.name] = (*stamp, digest)
    return Hashed(digest.hex(), size_bytes)


def _read_all(path: str) -> tuple[bytes, int]:
    sum_, size_bytes = hashlib.sha256(), 0
    for piece in pieces(path):
        sum_.update(piece)
        size_bytes += len(piece)
    return sum_.digest(), size_bytes


def _read(place: Path) -> dict[str, _Known]:
    try:
        data = place.read_bytes()
        if zlib.crc32(data[_CRC_BYTES:]).to_bytes(_CRC_BYTES, "big") == data[:_CRC_BYTES]:
            return _decode(data[_CRC_BYTES:])
    except (OSError, msgspec.DecodeError):
        pass
    return {}


def _write(place: Path, known: dict[str, _Known]) -> None:
    """What cannot be written is found out again next time."""
    data = msgspec.msgpack.encode(known)
    beside = place.with_name(f".{secrets.token_hex(8)}")  # others write theirs at the same time
    with contextlib.suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.write_bytes(zlib.crc32(data).to_bytes(_CRC_BYTES, "big") + data)
        beside.replace(place)
        _drop_oldest(place.parent)


def _drop_oldest(folder: Path) -> None:
    kept = sorted(folder.glob("*.hashes"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in kept[_KEPT_DIRECTORIES:]:
        old.unlink(missing_ok=True)
