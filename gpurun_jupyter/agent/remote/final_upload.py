"""What an attempt left, sent to the server when it is over: all of it, or it is said what did not arrive, and why."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.agent.remote.batches import batches
from gpurun_jupyter.agent.remote.connection import ServerConnection
from gpurun_jupyter.agent.remote.upload import Upload, files_below, is_plain, left_file, parts
from gpurun_jupyter.core.errors import InvalidRequest, Undelivered, WrongDigest
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.remote import MOST_FILES, LeftFile
from gpurun_jupyter.core.system.records import read_record
from gpurun_jupyter.core.values import Answer
from gpurun_jupyter.report.checkpoints import OLD, PART
from gpurun_jupyter.report.file_names import as_text, from_text

#: What changes while it is sent is tried so often.
_TRIES = 3
#: Files that a sentence names, and how many characters of the path of each.
_NAMED, _LONGEST_NAMED = 3, 200
_CHANGES = "it changes while it is sent"


class _Whole(NamedTuple):
    """What gets its place in one: the checkpoint of this name, a file or a folder, or some other file."""

    path: Path
    checkpoint: str = ""

    def files(self) -> list[Path]:
        """The plain files of it."""
        return list(files_below(self.path)) if self.checkpoint and self.path.is_dir() else [self.path]


_Told = dict[_Whole, list[LeftFile]]


class FinalUpload:
    """What one attempt left, on its way. After a cut, `send` goes on with what the server has not got."""

    def __init__(self, connection: ServerConnection, folder: AttemptFolder, grant: Grant) -> None:
        self._folder = folder
        self._delivery = Upload(connection, folder.path, grant)
        self._lost: dict[str, str] = {}  # why it does not arrive, by path
        self._kept: list[str] = []  # the names of its checkpoints

    @property
    def arrived(self) -> int:
        """How many requests have brought something."""
        return self._delivery.arrived

    async def send(self) -> None:
        """Send the files and have them placed. Raises OSError, NotHeld, and Undelivered once all but some are there."""
        self._lost, self._kept = {}, checkpoints_in(self._folder)
        waiting = dict.fromkeys(await asyncio.to_thread(lambda: list(self._left())), _CHANGES)
        for _ in range(_TRIES):
            changed: dict[_Whole, str] = {}
            for group in await asyncio.to_thread(_groups, waiting):
                await self._send(group, changed)
            waiting = changed
        self._lost |= {as_text(one.path.relative_to(self._folder.path)): why for one, why in waiting.items()}
        if self._lost:
            raise Undelivered(_sentence(self._lost), f"It lies below {as_text(self._folder.path)} where it ran.")

    def _left(self) -> Iterator[_Whole]:
        """Plain files of the workspace, checkpoints, values of variables; not what links show."""
        folder = self._folder
        yield from (_Whole(folder.checkpoints / from_text(name), name) for name in self._kept)
        yield from map(_Whole, files_below(folder.outputs, self._cannot_look))
        if read_record(folder.outputs_answer, Answer) is not None:
            yield _Whole(folder.outputs_answer)
        yield from map(_Whole, files_below(folder.work, self._cannot_look))

    def _cannot_look(self, error: OSError) -> None:
        if error.errno != errno.ENOENT:
            path = Path(error.filename).relative_to(self._folder.path)
            self._lost[as_text(path)] = f"the folder cannot be read: {error.strerror}"

    async def _send(self, group: Sequence[_Whole], changed: dict[_Whole, str]) -> None:
        """Send them. Of several of which one is refused, each half is sent on its own."""
        told = await asyncio.to_thread(self._told, group, changed)
        try:
            await self._send_told(told)
        except (WrongDigest, FileNotFoundError, InvalidRequest) as error:
            half = len(group) // 2
            if half:
                await self._send(group[:half], changed)
                await self._send(group[half:], changed)
            else:
                changed[group[0]] = str(error) if isinstance(error, InvalidRequest) else _CHANGES

    def _told(self, group: Iterable[_Whole], changed: dict[_Whole, str]) -> _Told:
        """The files of each. What is no plain file any more is none that the run left."""
        told = {}
        for one in group:
            try:
                told[one] = [left_file(self._folder.path, path) for path in one.files()]
            except WrongDigest:
                changed[one] = _CHANGES
            except FileNotFoundError as error:
                if one.checkpoint or is_plain(one.path):
                    why = error.__cause__  # what the system said of a file that is there and cannot be read
                    changed[one] = f"it cannot be read: {why.strerror}" if isinstance(why, OSError) else _CHANGES
        return told

    async def _send_told(self, told: _Told) -> None:
        files = [file for of_one in told.values() for file in of_one]
        times = {one.checkpoint: one.path.stat().st_mtime for one in told if one.checkpoint}
        for left in parts(files, times, self._kept):
            refused = await self._delivery.send(left)
            self._lost |= refused
            if refused and left.more:  # a checkpoint in parts, which cannot become whole any more
                return


def checkpoints_in(folder: AttemptFolder) -> list[str]:
    """The names, as texts, of the checkpoints that are complete, or are being replaced at this moment."""
    if not folder.checkpoints.is_dir() or folder.checkpoints.is_symlink():
        return []
    there = {path.name.removeprefix(OLD) for path in folder.checkpoints.iterdir()}
    names = (name for name in there if not name.startswith(PART))
    return sorted(as_text(name) for name in names if is_plain(folder.checkpoints / name, folders=True))


def _groups(waiting: Iterable[_Whole]) -> list[list[_Whole]]:
    """As many as one request may tell of; a checkpoint of more files is alone."""
    return list(batches(waiting, lambda one: len(one.files()), MOST_FILES))


def _sentence(lost: dict[str, str]) -> str:
    named = "; ".join(f"{_shortened(path)}: {why}" for path, why in sorted(lost.items())[:_NAMED])
    more = f"; and {len(lost) - _NAMED:,} more" if len(lost) > _NAMED else ""
    return f"{named}{more}."


def _shortened(path: str) -> str:
    return path if len(path) <= _LONGEST_NAMED else f"…{path[1 - _LONGEST_NAMED :]}"
