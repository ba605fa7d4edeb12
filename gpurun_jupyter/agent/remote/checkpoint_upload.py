"""Checkpoints on their way to the server while the run goes on, so that they outlive the machine.

Sent is what the log announces and what is still as it was then. It is sent from hard links below `sending/`: the run
may replace its checkpoint meanwhile, and an agent that is started anew goes on with the same one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from pathlib import Path, PurePosixPath

from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.agent.backoff import Hurry, Pauses
from gpurun_jupyter.agent.remote.connection import ServerConnection
from gpurun_jupyter.agent.remote.final_upload import checkpoints_in
from gpurun_jupyter.agent.remote.upload import Upload, files_below, is_plain, left_file, parts
from gpurun_jupyter.core.errors import GpurunError, NotHeld
from gpurun_jupyter.core.events import Checkpoint, event_on
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.remote import PIECE_BYTES, LeftFiles
from gpurun_jupyter.core.system.records import open_plain
from gpurun_jupyter.report.checkpoints import special
from gpurun_jupyter.report.file_names import as_text, from_text

log = logging.getLogger("gpurun.agent")

#: The log is looked through, and checkpoints are sent, at most so often, whatever the pace of the log.
PACE_S = 0.5
_ANNOUNCED = b'"kind":"checkpoint"'
_READ_BYTES = 2**22
_LONGEST_PAUSE_S = 5.0


class CheckpointUpload:
    """The checkpoints of one attempt; begins to work when it is told that the log has `grown`."""

    def __init__(
        self, connection: ServerConnection, folder: AttemptFolder, grant: Grant, hurry: Hurry, pace_s: float
    ) -> None:
        self._hurry = hurry
        self._pace_s = max(pace_s, PACE_S)
        self._connection = connection
        self._folder = folder
        self._grant = grant
        self._sending = folder.path / "sending"
        self._offset = 0
        self._announced: dict[str, Checkpoint] = {}  # not sent yet, the newest last
        self._grown = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def grown(self) -> None:
        """The log may announce another."""
        self._grown.set()
        if self._task is None:
            self._task = in_background(self._work())

    def behind(self) -> list[str]:
        """The names of those that the server has not got."""
        under_way = self._sending / "checkpoints"
        there = [as_text(path.name) for path in under_way.iterdir()] if under_way.is_dir() else []
        return sorted({*self._announced, *there})

    async def close(self) -> None:
        """Leave the rest to who delivers everything; what has arrived of one need not be sent again."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(shutil.rmtree, self._sending, ignore_errors=True)

    async def _work(self) -> None:
        pauses = Pauses(_LONGEST_PAUSE_S, self._hurry)
        while True:
            try:
                await self._send_next()
                pauses.over()
                await self._hurry.wait(self._pace_s)
                if not self._announced:
                    await self._grown.wait()
            except NotHeld:
                return  # it is over for the server
            except (GpurunError, FileNotFoundError) as error:
                log.warning("a checkpoint of %s is not sent now: %s", self._grant.key, error)
                await asyncio.to_thread(shutil.rmtree, self._sending, ignore_errors=True)
            except Exception as error:
                fault = not isinstance(error, OSError)
                log.warning("a checkpoint of %s waits: %s", self._grant.key, error, exc_info=fault)
                await pauses.pause()

    async def _send_next(self) -> None:
        self._grown.clear()  # before the look: what comes during it is looked at next
        await asyncio.to_thread(self._look)
        told = await asyncio.to_thread(self._taken)
        if told:
            delivery = Upload(self._connection, self._sending, self._grant)
            for left in told:
                await delivery.send(left)
            await asyncio.to_thread(shutil.rmtree, self._sending, ignore_errors=True)

    def _look(self) -> None:
        """Find what has been announced since the last time."""
        with contextlib.suppress(FileNotFoundError), open_plain(self._folder.events) as file:
            file.seek(self._offset)
            while data := file.read(_READ_BYTES):
                lines, newline, _ = data.rpartition(b"\n")
                if not newline and len(data) < _READ_BYTES:
                    return
                # a whole piece without a newline is of one long line, which is passed over: announcements are short
                self._offset += len(lines) + 1 if newline else len(data)
                file.seek(self._offset)
                for line in lines.split(b"\n") if _ANNOUNCED in lines else ():
                    self._take_up(line)

    def _take_up(self, line: bytes) -> None:
        event = event_on(line) if _ANNOUNCED in line else None
        # a run may write into its own log: no path leads out of its folder
        if isinstance(event, Checkpoint) and PurePosixPath(event.path).parts == (event.path,) and event.path != "..":
            self._announced.pop(event.path, None)  # a key that is set again would keep its place
            self._announced[event.path] = event

    def _taken(self) -> list[LeftFiles]:
        """What an earlier agent had begun to send, else the newest that is still as it was announced."""
        kept = self._sending / "checkpoints"
        if not kept.is_dir():
            self._link_newest()
        if not kept.is_dir():
            return []
        files = [left_file(self._sending, path) for path in files_below(kept)]
        times = {as_text(path.name): path.stat().st_mtime for path in kept.iterdir()}
        return list(parts(files, times, sorted({*checkpoints_in(self._folder), *times})))

    def _link_newest(self) -> None:
        """The newest, and with it others as long as all are small."""
        beside, total = self._sending.with_name(".sending"), 0
        shutil.rmtree(beside, ignore_errors=True)
        for name in reversed(list(self._announced)):
            event, path = self._announced[name], self._folder.checkpoints / from_text(name)
            size = _size(path)
            if total and total + size > PIECE_BYTES:
                continue
            del self._announced[name]
            if not _is_still(path, event):
                continue  # it will be announced again, or be sent at the end
            (beside / "checkpoints").mkdir(parents=True, exist_ok=True)
            _link(path, beside / "checkpoints" / path.name)
            total += max(size, 1)  # an empty one is to be sent, too
        if total:
            beside.rename(self._sending)  # whole by its name: the next agent goes on with it as it is


def _is_still(path: Path, event: Checkpoint) -> bool:
    """Whether nothing of it was changed since it was announced."""
    try:
        status = path.lstat()
        inside = [file.stat().st_mtime for file in files_below(path)] if path.is_dir() else []
    except FileNotFoundError:
        return False
    is_it = is_plain(path, folders=True) and status.st_mtime_ns == event.modified_ns
    return is_it and max(inside, default=0.0) <= event.t  # a folder's own time says nothing of its files


def _link(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=special, copy_function=_link_file)
    else:
        _link_file(source, target)


def _link_file(source: str | Path, target: str | Path) -> None:
    """No byte is copied where the file system knows hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:  # gone: that is not for want of hard links
        raise
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _size(path: Path) -> int:
    try:
        return sum(file.stat().st_size for file in files_below(path)) if path.is_dir() else path.stat().st_size
    except FileNotFoundError:
        return 0
