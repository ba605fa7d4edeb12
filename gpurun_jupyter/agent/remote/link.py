"""The link of an agent on another machine: reports, logs and files go to its server over HTTPS."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from gpurun_jupyter.agent.pauses import Pauses
from gpurun_jupyter.agent.remote.connection import ServerConnection, of_attempt
from gpurun_jupyter.agent.remote.delivering import deliver_files
from gpurun_jupyter.agent.remote.fetching import Fetching
from gpurun_jupyter.core.bells import ring
from gpurun_jupyter.core.errors import GpurunError, NotHeld, NotJoined, WrongOffset
from gpurun_jupyter.core.grants import Grant, Orders, Report, Unsent
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.remote import Rung

_LOG_PIECE_BYTES = 2**20
_WAIT_S = 25.0


class HttpLink:
    """One for each agent; `listening` must go on beside it, so that it hears at once what there is to do."""

    pace_s = 0.02
    longest_pause_s = 5.0

    def __init__(self, connection: ServerConnection, home: Home) -> None:
        self._connection = connection
        self._home = home
        self._logs: dict[str, LogShipping] = {}
        self._fetching = Fetching(connection, home)

    async def sync(self, report: Report) -> Orders:
        """Report. Raises OSError, and NotJoined where the key is revoked."""
        report.unsent = [log.unsent() for key, log in self._logs.items() if key in report.holding and log.behind()]
        try:
            orders = await self._connection.ask("POST", "agents/sync", Orders, report)
        except NotJoined:
            raise
        except GpurunError as error:
            raise ConnectionError(f"the report was refused: {error}") from error
        for ended in report.ended:
            self._logs.pop(f"{ended.run_id}/{ended.attempt}", None)
        return orders

    async def fetch(self, grant: Grant) -> None:
        """Everything that the run was shipped with, unless it is here from a run before. Raises GpurunError."""
        self._log_of(grant).known_bytes = 0
        await self._fetching.fetch(grant)

    async def advance(self, grant: Grant) -> None:
        """Send what is new of the log."""
        with contextlib.suppress(NotHeld):  # it is over for the server, who says so in its next orders
            await self._log_of(grant).send()

    async def deliver(self, grant: Grant) -> None:
        """The rest of the log, then the files. An attempt that is over for the server leaves nothing there."""
        with contextlib.suppress(NotHeld):
            await self._log_of(grant).send()
            await deliver_files(self._connection, self._home.attempt(grant.run_id, grant.attempt), grant)

    async def listening(self) -> None:
        """Pass the server's doorbell on to this machine's. Ends when it is cancelled."""
        seen, pauses = 0, Pauses(self.longest_pause_s)
        while True:
            try:
                path = f"agents/work?wait={_WAIT_S:g}&seen={seen}"
                answer = await self._connection.ask("GET", path, Rung, timeout=_WAIT_S + 10)
            except (OSError, GpurunError):
                await asyncio.sleep(pauses.next_s())
                continue
            pauses.over()
            if answer.rung != seen:
                seen = answer.rung
                ring(self._home.bells, "work")

    def _log_of(self, grant: Grant) -> LogShipping:
        if grant.key not in self._logs:
            self._logs[grant.key] = LogShipping(self._connection, self._home, grant)
        return self._logs[grant.key]


class LogShipping:
    """An attempt's log on its way: the server says how much it has where that is not known."""

    def __init__(self, connection: ServerConnection, home: Home, grant: Grant) -> None:
        self._connection = connection
        self._grant = grant
        self._path = home.attempt(grant.run_id, grant.attempt).events
        self._one_at_a_time = asyncio.Lock()
        self._sent_all_at = self._moved_at = time.monotonic()
        self.known_bytes: int | None = None

    async def send(self) -> None:
        """Send what is new, in order. Raises OSError and NotHeld."""
        async with self._one_at_a_time:
            if self.known_bytes is None:
                self.known_bytes = await self._append(0, b"")
            while data := _read(self._path, self.known_bytes):
                self.known_bytes = await self._append(self.known_bytes, data)
            self._sent_all_at = time.monotonic()

    def behind(self) -> int:
        """How many bytes the server has not got."""
        return max(0, _size(self._path) - (self.known_bytes or 0))

    def unsent(self) -> Unsent:
        """The same for the report."""
        now = time.monotonic()
        return Unsent(self._grant.key, self.behind(), round(now - self._sent_all_at, 1), round(now - self._moved_at, 1))

    async def _append(self, offset: int, data: bytes) -> int:
        try:
            path = of_attempt(self._grant, f"log?offset={offset}")
            await self._connection.send("POST", path, data, grant=self._grant, pack=True)
        except WrongOffset as error:  # an answer was lost, or the server has had some from an agent before this one
            return error.offset
        self._moved_at = time.monotonic()
        return offset + len(data)


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(_LOG_PIECE_BYTES)
    except FileNotFoundError:
        return b""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
