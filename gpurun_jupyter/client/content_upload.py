"""Shipping by content: a manifest names every file by its sha256, and only files that the server lacks travel."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from gpurun_jupyter.client.http import Connection
from gpurun_jupyter.client.snapshot import Changed, Content, Snapshot
from gpurun_jupyter.core.errors import InvalidRequest, NotShipped, WrongDigest
from gpurun_jupyter.core.manifests import Entry, digest_of, encode
from gpurun_jupyter.shipping.collect import Shipment, amount
from gpurun_jupyter.shipping.reading import WentAway, pieces

#: A zip is made in memory and sent when it has so many bytes or files; what arrived before a broken connection counts.
_ZIP_BYTES = 64 * 2**20
_ZIP_FILES = 20_000
#: A file from this size on travels alone, straight from the disk.
_ALONE_BYTES = 16 * 2**20
_SAMPLE_BYTES = 2**14
_WORTH_PACKING = 0.9
_TRIES = 10

T = TypeVar("T")
Tell = Callable[[str], None]


class Sent(NamedTuple):
    """How much the server lacks: how many files, of how many bytes before they are packed."""

    files: int
    size_bytes: int


class Parcel(NamedTuple):
    """A shipment by content: its manifest, the manifest's sha256, and what has each blob that the manifest names."""

    manifest: bytes
    digest: str
    contents: dict[str, Content]
    sizes: dict[str, int]

    def amount_of(self, digests: list[str]) -> Sent:
        """How many these are, and how big."""
        return Sent(len(digests), sum(self.sizes[digest] for digest in digests))


def pack(snapshot: Snapshot) -> Parcel:
    """Find out the content of a shipment. Raises InvalidRequest for a file that cannot be read."""
    contents = snapshot.contents()
    manifest = encode(Entry(file.name, *content, file.executable) for file, _, content in contents)
    by_digest = {one.content.digest: one for one in contents}
    sizes = {digest: one.content.size_bytes for digest, one in by_digest.items()}
    return Parcel(manifest, digest_of(manifest), by_digest, sizes)


def deliver(connection: Connection, shipment: Shipment, act: Callable[[str], T], tell: Tell | None = None) -> T:
    """Do what needs the shipment on the server: `act` gets its manifest's digest, and is called again once it is sent.

    So what the server has already costs no question. A file that changes meanwhile is sent as it is at some moment,
    one that goes away is left out; `tell` hears of both.
    """
    with Snapshot(shipment, tell) as snapshot:
        for _ in range(_TRIES):
            parcel = pack(snapshot)
            try:
                return act(parcel.digest)
            except NotShipped:
                try:
                    send(connection, parcel, tell)
                    return act(parcel.digest)
                except Changed as changed:
                    snapshot.hold(changed.file)
    raise InvalidRequest(
        f"Files in {shipment.root} change while they are being shipped.",
        "Leave them out with a line in .gpurunignore, or submit when nothing writes to them.",
    )


def missing(connection: Connection, parcel: Parcel) -> list[str]:
    """The digests of those of the parcel's files that the server lacks."""
    answer = connection.post("blobs/missing", dict[str, list[str]], {"blobs": parcel.sizes})
    return answer["missing"]


def send(connection: Connection, parcel: Parcel, tell: Tell | None = None) -> Sent:
    """Send what the server lacks, the manifest last. Raises Changed for a file that was changed meanwhile."""
    lacking = missing(connection, parcel)
    sent = parcel.amount_of(lacking)
    if tell and lacking:
        tell(f"sending {amount(*sent)} that the server lacks")
    small = []
    for digest in lacking:
        if parcel.sizes[digest] < _ALONE_BYTES:
            small.append(digest)
        else:
            _send_alone(connection, digest, parcel.contents[digest])
    for packed in _zips(parcel, small):
        connection.upload("POST", "blobs/zip", lambda packed=packed: packed)  # type: ignore[misc]
    return sent


def _send_alone(connection: Connection, digest: str, content: Content) -> None:
    try:
        connection.upload("PUT", f"blobs/{digest}", lambda: pieces(content.at))
    except (WrongDigest, WentAway) as error:
        raise Changed(content.file) from error  # the server has kept nothing of it


def _zips(parcel: Parcel, digests: list[str]) -> Iterator[bytes]:
    """Zips of these files and the manifest, their members named by content; made one after another."""
    packed = io.BytesIO()
    archive = zipfile.ZipFile(packed, "w")
    for number, digest in enumerate(digests, 1):
        if packed.tell() >= _ZIP_BYTES or number % _ZIP_FILES == 0:
            archive.close()
            yield packed.getvalue()
            packed = io.BytesIO()
            archive = zipfile.ZipFile(packed, "w")
        _add(archive, digest, _read(parcel.contents[digest], digest))
    _add(archive, parcel.digest, parcel.manifest)
    archive.close()
    yield packed.getvalue()


def _add(archive: zipfile.ZipFile, digest: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(digest), content, compress_type=_compression(content), compresslevel=1)


def _compression(content: bytes) -> int:
    """Whether the content is worth packing, from a look at its beginning; images and models are not."""
    sample = content[:_SAMPLE_BYTES]
    worth = len(zlib.compress(sample, 1)) < _WORTH_PACKING * len(sample)
    return zipfile.ZIP_DEFLATED if worth else zipfile.ZIP_STORED


def _read(content: Content, digest: str) -> bytes:
    try:
        found = b"".join(pieces(content.at))
    except WentAway as error:
        raise Changed(content.file) from error
    if digest_of(found) != digest:
        raise Changed(content.file)  # the server would refuse the rest of the zip with it
    return found
