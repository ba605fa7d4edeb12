"""An attempt's log on its way to the server: what was printed at once, what the devices did with the next report."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from gpurun_jupyter.agent.remote.connection import ServerConnection, of_attempt
from gpurun_jupyter.agent.remote.model_upload import ModelUpload
from gpurun_jupyter.core.errors import WrongOffset
from gpurun_jupyter.core.events import event_on, opening
from gpurun_jupyter.core.grants import Grant, LogPiece, Unsent
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.records import open_plain, size_of

_PIECE_BYTES = 2**20
#: Samples that are more, after a cut, go on their own.
_WITH_A_REPORT_BYTES = 2**16
_SAMPLE = opening("sample")


class LogUpload:
    """The server says how much it has where that is not known."""

    def __init__(self, connection: ServerConnection, home: Home, grant: Grant) -> None:
        self._connection = connection
        self.grant = grant
        self._path = home.attempt(grant.run_id, grant.attempt).events
        self._sent_all_at = self._moved_at = time.monotonic()
        self.one_at_a_time = asyncio.Lock()
        self.known_bytes: int | None = None
        self.models = ModelUpload(connection, home, grant)

    async def send(self, *, samples_too: bool) -> None:
        """Send what is new, in order. Raises OSError and NotHeld.

        Who is cancelled meanwhile leaves what is under way to its end: it would arrive, and be sent again.
        """
        await asyncio.shield(self._send(samples_too=samples_too))

    async def _send(self, *, samples_too: bool) -> None:
        async with self.one_at_a_time:
            if self.known_bytes is None:
                self.known_bytes = await self._append(0, b"")  # a question: the refusal says how much there is
            while data := _read(self._path, self.known_bytes):
                if not samples_too and _can_wait(data):
                    return
                self.known_bytes = await self._append(self.known_bytes, data)
                self.models.look_at(data)
            self._sent_all_at = time.monotonic()

    def samples(self) -> LogPiece | None:
        """What is new, if a report can take it along."""
        if self.known_bytes is None or self.one_at_a_time.locked():  # what is on its way would come twice
            return None
        data, grant = _read(self._path, self.known_bytes), self.grant
        if not data or not _can_wait(data):
            return None
        return LogPiece(grant.run_id, grant.attempt, grant.token, self.known_bytes, data.decode())

    def reached(self, length: int) -> None:
        """A report took something along: the server has so many bytes now."""
        self.known_bytes = length
        self._sent_all_at = self._moved_at = time.monotonic()

    def behind(self, since: float = math.inf) -> int:
        """How many bytes the server has not got; of those that were there at that time, by time.monotonic."""
        sent = self.known_bytes is not None and self._sent_all_at > since
        return 0 if sent else max(0, _size(self._path) - (self.known_bytes or 0))

    def unsent(self) -> Unsent:
        """The same for the report."""
        now = time.monotonic()
        return Unsent(self.grant.key, self.behind(), round(now - self._sent_all_at, 1), round(now - self._moved_at, 1))

    async def _append(self, offset: int, data: bytes) -> int:
        try:
            path = of_attempt(self.grant, f"log?offset={offset}")
            await self._connection.send("POST", path, data, grant=self.grant, pack=True)
        except WrongOffset as error:  # an answer was lost, or the server has had some from an agent before this one
            return error.offset
        self._moved_at = time.monotonic()
        return offset + len(data)


class Samples:
    """What a report takes along of logs that have nothing else to say; until it is answered these are not sent."""

    def __init__(self, logs: Iterable[LogUpload]) -> None:
        self._taken = {log.grant.key: (log, piece) for log in logs if (piece := log.samples()) is not None}
        self._held = AsyncExitStack()

    async def __aenter__(self) -> Samples:
        for log, _ in self._taken.values():
            await self._held.enter_async_context(log.one_at_a_time)  # it was free, and nobody else had his turn since
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._held.aclose()

    def __contains__(self, key: str) -> bool:
        return key in self._taken

    def __iter__(self) -> Iterator[LogPiece]:
        return (piece for _, piece in self._taken.values())

    def reached(self, lengths: Mapping[str, int]) -> None:
        """By `run/attempt` how much the server has now; it does not say so of those that are over for it."""
        for key, length in lengths.items():
            if key in self._taken:
                self._taken[key][0].reached(length)


def _can_wait(data: bytes) -> bool:
    """Whether this is samples alone: nobody waits for these, and each would cost a request."""
    if len(data) > _WITH_A_REPORT_BYTES or not data.endswith(b"\n"):
        return False
    return all(line.startswith(_SAMPLE) and event_on(line) is not None for line in data.splitlines())


def _read(path: Path, offset: int) -> bytes:
    try:
        with open_plain(path) as file:
            file.seek(offset)
            return file.read(_PIECE_BYTES)
    except FileNotFoundError:
        return b""


def _size(path: Path) -> int:
    try:
        return size_of(path)
    except FileNotFoundError:
        return 0
