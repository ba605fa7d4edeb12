"""What a run needs, brought to this machine: its blobs, and the checkpoints of the attempt before it.

Blobs are kept under their sha256, so a later run finds them here; one that came in part goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from urllib.parse import quote

import msgspec

from gpurun_jupyter.agent.remote.batches import batches
from gpurun_jupyter.agent.remote.connection import ServerConnection, of_attempt
from gpurun_jupyter.core.data_sets import DATA_LIMITS
from gpurun_jupyter.core.errors import WrongDigest
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.manifests import decode
from gpurun_jupyter.core.questions import Answer
from gpurun_jupyter.core.remote import PIECE_BYTES, SMALL_BYTES, EarlierCheckpoints, Wanted
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.report.file_names import from_text

_HASHED_BYTES = 2**20
_MOST_AT_ONCE = 2000


class Download:
    """Brings what attempts need to one home. Several may need the same file: it is fetched once."""

    def __init__(self, connection: ServerConnection, home: Home) -> None:
        self._connection = connection
        self._home = home
        self._of_digest: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def fetch(self, grant: Grant) -> None:
        """Everything that the attempt needs and that is not here. Raises OSError and GpurunError."""
        spec = grant.spec
        manifests = _manifests(spec)
        # manifests before all else: they name the other blobs
        for digest in [*manifests, *spec.inputs.values(), *([spec.notebook.digest] if spec.notebook else [])]:
            await self._fetch_blob(grant, digest)
        sizes = await asyncio.to_thread(_lacking, self._home, manifests)
        await self._fetch_small(grant, {digest: size for digest, size in sizes.items() if size <= SMALL_BYTES})
        for digest, size in sizes.items():
            if size > SMALL_BYTES:
                await self._fetch_blob(grant, digest)
        if grant.attempt > 1:
            await self._fetch_checkpoints(grant)

    async def artifact(self, grant: Grant, path: str) -> Answer:
        """An artifact that its code asks for, as a file that is kept as long as the attempt's folder."""
        answers = self._home.attempt(grant.run_id, grant.attempt).answers
        part = answers / f"{hashlib.sha256(path.encode()).hexdigest()}.bytes"
        part.unlink(missing_ok=True)  # it may have become another since
        await self._fetch_file(grant, f"artifacts/{quote(path)}", part)
        return Answer(200, file=str(part))

    async def _fetch_small(self, grant: Grant, sizes: dict[str, int]) -> None:
        for digests in batches(sizes, sizes.__getitem__, PIECE_BYTES, _MOST_AT_ONCE):
            body = msgspec.json.encode(Wanted(digests))
            answer = await self._connection.send("POST", of_attempt(grant, "blobs"), body, grant=grant)
            line, _, data = answer.content.partition(b"\n")
            offset = 0
            for digest, size in zip(digests, msgspec.json.decode(line, type=list[int]), strict=True):
                part = _part_of(self._home, f"{digest}-{grant.run_id}")  # another attempt may fetch the same one now
                part.touch(mode=0o600)  # for its mode, which writing would not give it
                part.write_bytes(data[offset : offset + size])
                _keep(self._home, digest, part)
                offset += size

    async def _fetch_blob(self, grant: Grant, digest: str) -> None:
        async with self._of_digest[digest]:
            if not self._home.blob(digest).exists():  # somebody may have fetched it before the lock was free
                part = _part_of(self._home, digest)
                await self._fetch_file(grant, f"blobs/{digest}", part)
                await asyncio.to_thread(_keep, self._home, digest, part)

    async def _fetch_file(self, grant: Grant, path: str, part: Path) -> None:
        """Piece by piece, from where it stopped before."""
        total = -1
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch(mode=0o600)  # noqa: ASYNC240 - as quick as to open it
        with part.open("ab") as file:
            while file.tell() != total:
                headers = {"Range": f"bytes={file.tell()}-"}
                answer = await self._connection.send("GET", of_attempt(grant, path), grant=grant, headers=headers)
                said = re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))
                if said is None or (not answer.content and file.tell() != int(said[1])):
                    file.truncate(0)  # it was longer than the whole: not of this file
                    raise ConnectionError(f"the server sent no piece of {path}")
                total = int(said[1])
                file.write(answer.content)

    async def _fetch_checkpoints(self, grant: Grant) -> None:
        """Those of the newest attempt that left any, as if it had been carried out here."""
        found = await self._connection.ask("GET", of_attempt(grant, "checkpoints"), EarlierCheckpoints, grant=grant)
        if found.attempt is None:
            return
        there = self._home.attempt(grant.run_id, found.attempt).checkpoints
        if there.exists():
            return
        beside = there.with_name(".fetched")
        for file in found.files:
            place = beside / from_text(file.path)
            await self._fetch_file(grant, f"checkpoints/{found.attempt}/{quote(file.path)}", place)
            os.utime(place, (file.modified_at, file.modified_at))
        for name, modified_at in found.folders.items():
            folder = beside / from_text(name)
            folder.mkdir(parents=True, exist_ok=True)
            os.utime(folder, (modified_at, modified_at))  # the newest is found by its time
        beside.rename(there)  # whole by its name: what was broken off before is gone on with


def _manifests(spec: RunSpec) -> list[str]:
    data = [use.manifest for use in spec.data if use.manifest is not None]
    return [*([spec.dir.manifest] if spec.dir else []), *data]


def _lacking(home: Home, manifests: Iterable[str]) -> dict[str, int]:
    """The size of each file of the manifests that is not here, by digest."""
    listed = chain.from_iterable(decode(home.blob(one).read_bytes(), DATA_LIMITS).blobs().items() for one in manifests)
    return {digest: size for digest, size in listed if _size(home.blob(digest)) != size}


def _part_of(home: Home, name: str) -> Path:
    return home.blobs / f".part-{name}"


def _keep(home: Home, digest: str, part: Path) -> None:
    """Give a blob its place. Raises WrongDigest."""
    found = hashlib.sha256()
    with part.open("rb") as file:
        while piece := file.read(_HASHED_BYTES):
            found.update(piece)
    if found.hexdigest() != digest:
        part.unlink()
        raise WrongDigest(f"What the server sent as {digest} has the sha256 {found.hexdigest()}.", "Run it again.")
    part.chmod(0o400)
    home.blob(digest).parent.mkdir(mode=0o700, exist_ok=True)
    part.replace(home.blob(digest))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
