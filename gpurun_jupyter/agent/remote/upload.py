"""Files on their way to the server: only what it has not got, each from where it stopped before."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gpurun_jupyter.agent.remote.batches import batches
from gpurun_jupyter.agent.remote.connection import LONG, ServerConnection, of_attempt
from gpurun_jupyter.core.errors import NotShipped, WrongDigest, WrongOffset
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.remote import MOST_FILES, PIECE_BYTES, SMALL_BYTES, Have, LeftFile, LeftFiles
from gpurun_jupyter.core.system.records import open_plain
from gpurun_jupyter.report.file_names import as_text, from_text

#: What was here when it was asked for, and is not any more, is sent again so often.
_TRIES = 5
#: So many small files travel in one request.
_MOST_AT_ONCE = 2000


@dataclass
class Upload:
    """Files of one attempt on their way; their paths are those below `root`.

    `arrived` counts the requests that brought something, also of those that were cut before all had come.
    """

    connection: ServerConnection
    root: Path
    grant: Grant
    arrived: int = 0

    async def send(self, left: LeftFiles) -> dict[str, str]:
        """Send them and have them placed; returns what the server's file system cannot hold, and why, by path.

        Raises OSError, FileNotFoundError for one that is gone, and WrongDigest for one that has changed meanwhile.
        """
        tries = 1
        while True:
            try:
                return await self._send(left)
            except NotShipped:  # a checkpoint and a model may be the same bytes, and one has got them
                if tries == _TRIES:
                    raise
                tries += 1

    async def _send(self, left: LeftFiles) -> dict[str, str]:
        have = (await self._tell("files/missing", left)).have
        # an empty file is sent anyway: 0 bytes there may also say that it is missing
        open_ = {file.digest: file for file in left.files if have.get(file.digest, 0) < file.size or not file.size}
        small = [file for file in open_.values() if file.size <= SMALL_BYTES]
        for batch in batches(small, lambda file: file.size, PIECE_BYTES, _MOST_AT_ONCE):
            await self._send_small(batch)
        for file in open_.values():
            if file.size > SMALL_BYTES:
                await self._send_big(file, have.get(file.digest, 0))
        told = await self._tell("files/place", left)
        self.arrived += 1
        return told.refused

    async def _tell(self, route: str, left: LeftFiles) -> Have:
        body = msgspec.json.encode(left)
        path = of_attempt(self.grant, route)
        answer = await self.connection.send("POST", path, body, grant=self.grant, pack=True, timeout=LONG)
        return msgspec.json.decode(answer.content, type=Have)

    async def _send_small(self, files: list[LeftFile]) -> None:
        contents = await asyncio.to_thread(lambda: {file.digest: self._read(file) for file in files})
        line = msgspec.json.encode({digest: len(content) for digest, content in contents.items()})
        body = b"\n".join([line, b"".join(contents.values())])
        path = of_attempt(self.grant, "files/small")
        await self.connection.send("POST", path, body, grant=self.grant, pack=True, timeout=LONG)
        self.arrived += 1

    def _read(self, file: LeftFile) -> bytes:
        with open_plain(self.root / from_text(file.path)) as content:
            return content.read(SMALL_BYTES)  # it may have grown

    async def _send_big(self, file: LeftFile, offset: int) -> None:
        path = of_attempt(self.grant, f"files/{file.digest}")
        with open_plain(self.root / from_text(file.path)) as content:
            while offset < file.size:
                content.seek(offset)
                data = await asyncio.to_thread(content.read, min(PIECE_BYTES, file.size - offset))
                if not data:
                    raise WrongDigest(f"{file.path} has become shorter.")
                offset = await self._append(f"{path}?offset={offset}", offset, data)

    async def _append(self, path: str, offset: int, data: bytes) -> int:
        try:
            await self.connection.send("PUT", path, data, grant=self.grant, pack=True, timeout=LONG)
        except WrongOffset as error:  # an answer was lost
            return error.offset
        self.arrived += 1
        return offset + len(data)


def left_file(root: Path, path: Path) -> LeftFile:
    """A file as it is told of.

    Raises FileNotFoundError for one that is gone or cannot be read, WrongDigest where it changes while it is read.
    """
    status = path.lstat()
    digest = _sha256(path)
    after = path.lstat()
    if (status.st_mtime_ns, status.st_size) != (after.st_mtime_ns, after.st_size):
        raise WrongDigest(f"{as_text(path)} changes while it is read.")
    return LeftFile(
        path=as_text(path.relative_to(root)),
        size=status.st_size,
        digest=digest,
        modified_at=status.st_mtime,
        executable=bool(status.st_mode & 0o100),
    )


def as_blob(home: Home, digest: str) -> LeftFile:
    """A blob of this home, to become one of the server's."""
    path = home.blob(digest)
    status = path.stat()
    return LeftFile(path.relative_to(home.path).as_posix(), status.st_size, digest, status.st_mtime)


def parts(files: list[LeftFile], checkpoints: dict[str, float], kept: list[str]) -> Iterator[LeftFiles]:
    """These files as they are told of: in several requests where they are many."""
    delivery = secrets.token_hex(8) if len(files) > MOST_FILES else ""
    # an empty folder is a checkpoint, too: one request at least
    for first in range(0, max(len(files), bool(checkpoints)), MOST_FILES):
        more = first + MOST_FILES < len(files)
        told = files[first : first + MOST_FILES]
        yield LeftFiles(told, checkpoints, kept if checkpoints else None, more, delivery)


def is_plain(path: Path, *, folders: bool = False) -> bool:
    """Whether a plain file is there, or with `folders` a folder; no link to one."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or (folders and stat.S_ISDIR(mode))


def files_below(root: Path, on_error: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """The plain files of a folder, in order; not what a link in its place shows.

    `on_error` hears of folders that cannot be looked into.
    """
    for directory, names, files in () if root.is_symlink() else os.walk(root, onerror=on_error):
        names.sort()
        for name in sorted(files):
            path = Path(directory, name)
            if is_plain(path):
                yield path


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with open_plain(path) as file:
        while piece := file.read(2**20):
            found.update(piece)
    return found.hexdigest()
