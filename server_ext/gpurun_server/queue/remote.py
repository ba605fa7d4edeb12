"""What a server keeps in memory for the agents of other machines: one ledger, the doorbell, logs that have grown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import time
from concurrent.futures import Future, ThreadPoolExecutor

import sqlalchemy as sa

from gpurun_jupyter.core.bells import Bell
from gpurun_jupyter.core.grants import Orders, Report
from gpurun_jupyter.core.home import Home
from gpurun_server.queue.ingest import ingest
from gpurun_server.queue.ledger import Ledger
from gpurun_server.queue.syncing import sync
from gpurun_server.store.agent_keys import check_in
from gpurun_server.store.columns import put_in_columns
from gpurun_server.store.database import Database

log = logging.getLogger("gpurun.agents")

#: A log that has grown is taken into the database so soon the first time, then at most so often. Seconds.
FIRST_S, AGAIN_S = 0.1, 1.0

_Key = tuple[str, int]


class RemoteAgents:
    """One for each server. Claims and logs go through one thread, because the ledger is for one."""

    def __init__(self, home: Home, database: Database) -> None:
        self._home = home
        self._database = database
        self._ledger = Ledger()
        self._thread = ThreadPoolExecutor(1, "gpurun-agents")
        self._due: dict[_Key, asyncio.TimerHandle] = {}
        self._taken_in_at: dict[_Key, float] = {}  # by the clock of time.monotonic
        self._rung = time.time_ns()  # an agent that heard another server before hears this one at once
        self._ringing = asyncio.Event()
        self._bell: Bell | None = None

    def start(self) -> None:
        """Listen to the doorbell."""
        self._bell = Bell(self._home.bells, f"agents-{os.getpid()}-{secrets.token_hex(4)}")
        asyncio.get_running_loop().add_reader(self._bell.fileno(), self._heard)

    def close(self) -> None:
        """Stop listening; agents that wait are answered."""
        for due in self._due.values():
            due.cancel()
        if self._bell is not None:
            asyncio.get_running_loop().remove_reader(self._bell.fileno())
            self._bell.close()
        self._wake()
        self._thread.shutdown()

    async def sync(self, report: Report) -> Orders:
        """Take in an agent's report, and answer it. Raises NotHeld."""
        orders = await asyncio.get_running_loop().run_in_executor(self._thread, self._sync, report)
        for ended in report.ended:
            self._forget((ended.run_id, ended.attempt))
            self._thread.submit(put_in_columns, self._home.attempt(ended.run_id, ended.attempt))
        return orders

    def grown(self, run_id: str, number: int) -> None:
        """The log of an attempt has grown: take it in soon."""
        key = (run_id, number)
        if key not in self._due:
            since_s = time.monotonic() - self._taken_in_at.get(key, 0.0)
            wait_s = max(FIRST_S, AGAIN_S - since_s) if key in self._taken_in_at else FIRST_S
            self._due[key] = asyncio.get_running_loop().call_later(wait_s, self._take_in, key)

    async def rung(self, seen: int, wait_s: float) -> int:
        """How often the bell has rung: as soon as that is not `seen`, or when the time is over."""
        if self._rung == seen:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ringing.wait(), wait_s)
        return self._rung

    def _heard(self) -> None:
        assert self._bell is not None
        if "work" in self._bell.read():
            self._rung += 1
            self._wake()

    def _wake(self) -> None:
        """Everybody who waits now, and nobody who comes later."""
        self._ringing.set()
        self._ringing = asyncio.Event()

    def _sync(self, report: Report) -> Orders:
        with self._database.write() as writing:
            check_in(writing.conn, report.agent_id)
            return sync(writing, self._home, self._ledger, report)

    def _take_in(self, key: _Key) -> None:
        self._due.pop(key)
        self._taken_in_at[key] = time.monotonic()
        self._thread.submit(self._ingest, key).add_done_callback(_say_what_failed)

    def _ingest(self, key: _Key) -> None:
        run_id, number = key
        with self._database.write() as writing:
            ingest(writing, run_id, number, self._home.attempt(run_id, number).events, "its agent", ends=False)

    def _forget(self, key: _Key) -> None:
        self._taken_in_at.pop(key, None)
        if (due := self._due.pop(key, None)) is not None:
            due.cancel()


def _say_what_failed(done: Future[None]) -> None:
    """Nothing is lost: the next time, or the attempt's end, takes in what this time did not."""
    if isinstance(error := done.exception(), sa.exc.OperationalError):
        log.warning("a log could not be taken in: %s", error.orig)
    elif error is not None:
        log.error("a log could not be taken in", exc_info=error)
