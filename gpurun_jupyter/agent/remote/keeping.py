"""Checkpoints and saved models on their way to the server while the run goes on, so that they outlive the machine.

Sent is what the log announces and what is still as it was then. It is sent from hard links below `sending/`: the run
may replace its checkpoint meanwhile, and an agent that is started anew goes on with the same one. A saved model is a
manifest and its files in this machine's blobs, and becomes the same in the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from gpurun_jupyter.agent.pauses import Hurry, Pauses
from gpurun_jupyter.agent.remote.connection import ServerConnection
from gpurun_jupyter.agent.remote.delivering import Delivery, checkpoints_in, files_below, left_file
from gpurun_jupyter.core.data_sets import DATA_LIMITS
from gpurun_jupyter.core.errors import GpurunError, InvalidRequest, NotHeld
from gpurun_jupyter.core.events import Checkpoint, Model, decode_line
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.manifests import decode
from gpurun_jupyter.core.remote import BLOBS, MOST_FILES, PIECE_BYTES, LeftFile, LeftFiles

log = logging.getLogger("gpurun.agent")

#: The log is looked through, and checkpoints are sent, at most so often.
PACE_S = 0.5
_CHECKPOINT, _MODEL = b'"kind":"checkpoint"', b'"kind":"model"'
_READ_BYTES = 2**22
_LONGEST_PAUSE_S = 5.0

T = TypeVar("T")


class CheckpointShipping:
    """The checkpoints of one attempt; begins to work when it is told that the log has `grown`."""

    def __init__(self, connection: ServerConnection, folder: AttemptFolder, grant: Grant, hurry: Hurry) -> None:
        self._hurry = hurry
        self._connection = connection
        self._folder = folder
        self._grant = grant
        self._sending = folder.path / "sending"
        self._offset = 0
        self._announced: dict[str, Checkpoint] = {}  # not sent yet, the newest last
        self._models: dict[str, None] = {}  # their manifests, not sent yet
        self._grown = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._threads: set[asyncio.Future[Any]] = set()

    def grown(self) -> None:
        """The log may announce another."""
        self._grown.set()
        if self._task is None:
            self._task = asyncio.create_task(self._work())

    def behind(self) -> list[str]:
        """The names of those that the server has not got."""
        under_way = self._sending / "checkpoints"  # models have no names there
        there = [path.name for path in under_way.iterdir()] if under_way.is_dir() else []
        return sorted({*self._announced, *there})

    async def finish(self) -> None:
        """Send the models that are not there yet, and leave the rest to who delivers everything.

        What has arrived of a checkpoint need not be sent again. Raises OSError and NotHeld.
        """
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task, *self._threads})
        if (self._sending / BLOBS).is_dir():
            self._offset = 0  # this model is not there yet, and is found again
        await self._in_thread(self._clear)
        await self._in_thread(self._look)
        self._announced.clear()
        try:
            while self._models:
                await self._send_next()
        except NotHeld:
            raise
        except GpurunError as error:
            log.warning("a model of %s is not sent: %s", self._grant.key, error)

    async def _work(self) -> None:
        pauses = Pauses(_LONGEST_PAUSE_S, self._hurry)
        while True:
            try:
                await self._send_next()
                pauses.over()
                await asyncio.sleep(PACE_S)
                if not (self._announced or self._models):
                    await self._grown.wait()
            except NotHeld:
                return  # it is over for the server
            except (GpurunError, FileNotFoundError) as error:
                log.warning("a checkpoint of %s is not sent now: %s", self._grant.key, error)
                await self._in_thread(self._clear)
            except OSError as error:
                log.info("a checkpoint of %s waits: %s", self._grant.key, error)
                await pauses.pause()

    async def _send_next(self) -> None:
        self._grown.clear()
        await self._in_thread(self._look)
        left = await self._in_thread(self._taken)
        if left.files:
            await Delivery(self._connection, self._sending, self._grant).send(left)
            await self._in_thread(self._clear)

    async def _in_thread(self, act: Callable[[], T]) -> T:
        """A thread goes on when who waits for it is cancelled: it is waited for before the next one begins."""
        thread = asyncio.ensure_future(asyncio.to_thread(act))
        self._threads.add(thread)
        thread.add_done_callback(self._threads.discard)
        return await asyncio.shield(thread)

    def _clear(self) -> None:
        shutil.rmtree(self._sending, ignore_errors=True)

    def _look(self) -> None:
        """Find what has been announced since the last time."""
        with contextlib.suppress(FileNotFoundError), self._folder.events.open("rb") as file:
            file.seek(self._offset)
            while data := file.read(_READ_BYTES):
                lines, newline, _ = data.rpartition(b"\n")
                if not newline:
                    return
                self._offset += len(lines) + 1
                file.seek(self._offset)
                for line in lines.split(b"\n") if _CHECKPOINT in lines or _MODEL in lines else ():
                    self._take_up(line)

    def _take_up(self, line: bytes) -> None:
        event = decode_line(line) if _CHECKPOINT in line or _MODEL in line else None
        if isinstance(event, Checkpoint):
            self._announced.pop(event.path, None)
            self._announced[event.path] = event
        elif isinstance(event, Model):
            self._models[event.manifest] = None

    def _taken(self) -> LeftFiles:
        """What was begun to be sent before, else what comes next: a model, or the newest checkpoint."""
        if not self._sending.is_dir():
            beside = self._sending.with_name(".sending")
            shutil.rmtree(beside, ignore_errors=True)
            self._link_model(beside) if self._models else self._link_newest(beside)
            if not beside.is_dir():
                return LeftFiles([])
            beside.rename(self._sending)
        kept, blobs = self._sending / "checkpoints", self._sending / BLOBS
        files = [left_file(self._sending, path) for path in files_below(kept)]
        files += [LeftFile(f"{BLOBS}/{path.name}", path.stat().st_size, path.name, 0.0) for path in files_below(blobs)]
        if len(files) > MOST_FILES:
            raise InvalidRequest(f"It has {len(files)} files.", f"At most {MOST_FILES} files of a run are kept.")
        times = {path.name: path.stat().st_mtime for path in kept.iterdir()} if kept.is_dir() else {}
        return LeftFiles(files, times, sorted({*checkpoints_in(self._folder), *times}) if times else None)

    def _link_model(self, beside: Path) -> None:
        """One of them, as far as it is here still."""
        manifest, home = self._models.popitem()[0], self._folder.home
        (beside / BLOBS).mkdir(parents=True)
        with contextlib.suppress(FileNotFoundError):
            for digest in [*decode(home.blob(manifest).read_bytes(), DATA_LIMITS).blobs(), manifest]:
                _link_file(home.blob(digest), beside / BLOBS / digest)

    def _link_newest(self, beside: Path) -> None:
        """The newest, and with it others as long as all are small."""
        total = 0
        for name in reversed(list(self._announced)):
            event, path = self._announced[name], self._folder.checkpoints / name
            size = _size(path)
            if total and total + size > PIECE_BYTES:
                continue
            del self._announced[name]
            if not _is_still(path, event):
                continue  # it will be announced again, or be sent at the end
            (beside / "checkpoints").mkdir(parents=True, exist_ok=True)
            _link(path, beside / "checkpoints" / name)
            total += max(size, 1)


def _is_still(path: Path, event: Checkpoint) -> bool:
    """Whether nothing of it was changed since it was announced."""
    try:
        status = path.lstat()
        inside = [file.stat().st_mtime for file in files_below(path)] if path.is_dir() else []
    except FileNotFoundError:
        return False
    return status.st_mtime_ns == event.modified_ns and max(inside, default=0.0) <= event.t


def _link(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=_link_file)
    else:
        _link_file(source, target)


def _link_file(source: str | Path, target: str | Path) -> None:
    """No byte is copied where the file system knows hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _size(path: Path) -> int:
    try:
        return sum(file.stat().st_size for file in files_below(path)) if path.is_dir() else path.stat().st_size
    except FileNotFoundError:
        return 0
