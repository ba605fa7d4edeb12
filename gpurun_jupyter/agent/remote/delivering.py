"""What an attempt left, sent to the server: only what it has not got, each file from where it stopped before."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gpurun_jupyter.agent.remote.connection import LONG, ServerConnection, of_attempt
from gpurun_jupyter.core.errors import WrongDigest, WrongOffset
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.records import open_plain, read_record
from gpurun_jupyter.core.remote import MOST_FILES, PIECE_BYTES, SMALL_BYTES, Have, LeftFile, LeftFiles
from gpurun_jupyter.core.values import Answer
from gpurun_jupyter.report.checkpoints import OLD, PART

log = logging.getLogger("gpurun.agent")

#: Files that change while they are sent are tried so often.
_TRIES = 3


async def deliver_files(connection: ServerConnection, folder: AttemptFolder, grant: Grant) -> None:
    """Send the files and have them placed. Raises OSError and NotHeld."""
    for _ in range(_TRIES):
        try:
            left = await asyncio.to_thread(left_by, folder)
            if left.files:
                await Delivery(connection, folder.path, grant).send(left)
            return
        except (WrongDigest, FileNotFoundError) as error:
            log.warning("files of %s change while they are sent: %s", grant.key, error)
    log.warning("files of %s do not come to rest, and were not sent", grant.key)


def left_by(folder: AttemptFolder) -> LeftFiles:
    """What is sent: plain files of the workspace, checkpoints, values of variables; not what links show.

    Raises FileNotFoundError and WrongDigest for checkpoints and files that change meanwhile.
    """
    kept = [path for path in files_below(folder.checkpoints) if not _is_part(folder.checkpoints, path)]
    found = [*files_below(folder.outputs), *kept, *files_below(folder.work)]
    if len(found) > MOST_FILES:
        log.warning("%s left %d files; %d of them are sent", folder.path, len(found), MOST_FILES)
    if read_record(folder.outputs_answer, Answer) is not None:
        found.insert(0, folder.outputs_answer)
    files = [file for path in found[:MOST_FILES] if (file := _left_file(folder.path, path)) is not None]
    names = checkpoints_in(folder)
    whole = {} if len(found) > MOST_FILES else {name: (folder.checkpoints / name).stat().st_mtime for name in names}
    return LeftFiles(files, whole, names if whole else None)


def _left_file(root: Path, path: Path) -> LeftFile | None:
    """The same as `left_file`; None for one that is gone meanwhile, or that may not be read."""
    try:
        return left_file(root, path)
    except FileNotFoundError as error:
        log.warning("%s is not sent: %s", path, error)
        return None


def left_file(root: Path, path: Path) -> LeftFile:
    """A file as it is told of. Raises FileNotFoundError, and WrongDigest where it changes while it is read."""
    status = path.stat()
    digest = _sha256(path)
    after = path.stat()
    if (status.st_mtime_ns, status.st_size) != (after.st_mtime_ns, after.st_size):
        raise WrongDigest(f"{path} changes while it is read.")
    return LeftFile(
        path=path.relative_to(root).as_posix(),
        size=status.st_size,
        digest=digest,
        modified_at=status.st_mtime,
        executable=bool(status.st_mode & 0o100),
    )


def checkpoints_in(folder: AttemptFolder) -> list[str]:
    """The names of the checkpoints that are complete, or are being replaced at this moment."""
    if not folder.checkpoints.is_dir():
        return []
    there = {path.name.removeprefix(OLD) for path in folder.checkpoints.iterdir()}
    return sorted(name for name in there if not name.startswith(PART) and (folder.checkpoints / name).exists())


def _is_part(checkpoints: Path, path: Path) -> bool:
    return path.relative_to(checkpoints).parts[0].startswith(PART)


def as_blob(home: Home, digest: str) -> LeftFile:
    """A blob of this home, to become one of the server's."""
    path = home.blob(digest)
    status = path.stat()
    return LeftFile(path.relative_to(home.path).as_posix(), status.st_size, digest, status.st_mtime)


@dataclass
class Delivery:
    """Files of one attempt on their way; their paths are those below `root`."""

    connection: ServerConnection
    root: Path
    grant: Grant

    async def send(self, left: LeftFiles) -> None:
        """Send them and have them placed. Raises WrongDigest where one has changed meanwhile."""
        files = left.files
        have = await self._tell("files/missing", left)
        open_ = {file.digest: file for file in files if have.get(file.digest, 0) < file.size or not file.size}
        small = [file for file in open_.values() if file.size <= SMALL_BYTES]
        for batch in _batches(small):
            await self._send_small(batch)
        for file in open_.values():
            if file.size > SMALL_BYTES:
                await self._send_big(file, have.get(file.digest, 0))
        await self._tell("files/place", left)

    async def _tell(self, route: str, left: LeftFiles) -> dict[str, int]:
        body = msgspec.json.encode(left)
        path = of_attempt(self.grant, route)
        answer = await self.connection.send("POST", path, body, grant=self.grant, pack=True, timeout=LONG)
        return msgspec.json.decode(answer.content, type=Have).have

    async def _send_small(self, files: list[LeftFile]) -> None:
        contents = {file.digest: (self.root / file.path).read_bytes() for file in files}
        line = msgspec.json.encode({digest: len(content) for digest, content in contents.items()})
        body = b"\n".join([line, b"".join(contents.values())])
        await self.connection.send("POST", of_attempt(self.grant, "files/small"), body, grant=self.grant, pack=True)

    async def _send_big(self, file: LeftFile, offset: int) -> None:
        path = of_attempt(self.grant, f"files/{file.digest}")
        with (self.root / file.path).open("rb") as content:
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
        return offset + len(data)


def files_below(root: Path) -> Iterator[Path]:
    """The plain files of a folder, in order; not what a link in its place shows."""
    for directory, names, files in () if root.is_symlink() else os.walk(root):
        names.sort()
        for name in sorted(files):
            path = Path(directory, name)
            if os.path.isfile(path) and not path.is_symlink():  # noqa: PTH113 - Path.is_file raises where it may not look
                yield path


def _batches(files: list[LeftFile]) -> Iterator[list[LeftFile]]:
    batch: list[LeftFile] = []
    total = 0
    for file in files:
        if batch and total + file.size > PIECE_BYTES:
            yield batch
            batch, total = [], 0
        batch.append(file)
        total += file.size
    if batch:
        yield batch


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with open_plain(path) as file:
        while piece := file.read(2**20):
            found.update(piece)
    return found.hexdigest()
