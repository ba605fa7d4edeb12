"""What a server keeps in memory for the agents of other machines: one ledger, the doorbells, logs that have grown."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from gpurun_jupyter.core.errors import NotHeld, StorageUnusable, WrongOffset
from gpurun_jupyter.core.grants import LogPiece, Orders, Report
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.bells import Bell, ring
from gpurun_server.queue.agents.doorbells import Doorbells
from gpurun_server.queue.agents.syncing import check_held, sync
from gpurun_server.queue.agents.wake_ups import Calling
from gpurun_server.queue.intake.ingest import ingest, ingest_long, is_quiet
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.store.agent_keys import check_in
from gpurun_server.store.database import OUTAGE, Database
from gpurun_server.store.folders.columns import put_in_columns
from gpurun_server.store.folders.uploads import append

log = logging.getLogger("gpurun.agents")

#: A log that has grown is taken into the database so soon the first time, then at most so often. Seconds.
FIRST_S, AGAIN_S = 0.1, 1.0
#: What says nothing to the database waits for what does; but not more of it, or an end would take long to be taken in.
_MOST_QUIET_BYTES = 2**20

_Key = tuple[str, int]


class RemoteAgents:
    """One for each server. Claims and logs go through one thread, because the ledger is for one.

    `bells` are what agents listen to.
    """

    def __init__(self, home: Home, database: Database) -> None:
        self._home = home
        self._database = database
        self._ledger = Ledger()
        self._calling = Calling(self._ledger)
        self._called: set[str] = set()  # those that have not reported since
        self._given = False  # something to one of those that have
        self._work = asyncio.Event()  # there may be something to do for somebody
        self._thread = ThreadPoolExecutor(1, "gpurun-agents")
        self._columns = ThreadPoolExecutor(1, "gpurun-columns")  # of long logs; no claim waits for that
        self._due: dict[_Key, asyncio.TimerHandle] = {}
        self._taken_in_at: dict[_Key, float] = {}  # by the clock of time.monotonic
        self._quiet_bytes: dict[_Key, int] = defaultdict(int)  # since then
        self._set_aside: set[_Key] = set()  # logs that could not be taken in; the end of the attempt says so
        self._bell: Bell | None = None
        self._passing_on: asyncio.Task[None] | None = None
        self.bells = Doorbells()

    def start(self) -> None:
        """Listen to the doorbell."""
        self._bell = Bell(self._home.bells, f"agents-{os.getpid()}-{secrets.token_hex(4)}")
        asyncio.get_running_loop().add_reader(self._bell.fileno(), self._heard)
        self._passing_on = asyncio.create_task(self._pass_on())

    def close(self) -> None:
        """Stop listening; agents that wait are answered."""
        for due in self._due.values():
            due.cancel()
        if self._bell is not None:
            asyncio.get_running_loop().remove_reader(self._bell.fileno())
            self._bell.close()
        if self._passing_on is not None:
            self._passing_on.cancel()
        self.bells.close()
        self._thread.shutdown()
        self._columns.shutdown()

    async def sync(self, report: Report) -> Orders:
        """Take in an agent's report, and answer it. Raises NotHeld."""
        orders = await asyncio.get_running_loop().run_in_executor(self._thread, self._sync, report)
        self._has_reported(report.agent_id, orders)
        for ended in report.ended:
            self._forget((ended.run_id, ended.attempt))
            self._columns.submit(put_in_columns, self._home.attempt(ended.run_id, ended.attempt))
        return orders

    def append(self, run_id: str, number: int, offset: int, lines: bytes) -> int:
        """Append to the log of an attempt, and say how long it is then. Raises WrongOffset."""
        length = append(self._home.attempt(run_id, number).events, offset, lines)
        if lines:
            ring(self._home.bells, f"log {run_id}")
            self._grown((run_id, number), lines)
        return length

    async def take_in(self, run_id: str, number: int) -> None:
        """Take in what there is of a log, at once: its run has a question that may be about it."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._ingest, (run_id, number))

    def append_pieces(self, agent_id: str, pieces: Sequence[LogPiece]) -> dict[str, int]:
        """The same for each piece that an agent may send; by `run/attempt` how long these logs are then."""
        lengths: dict[str, int] = {}
        for piece in self._allowed(agent_id, pieces):
            key = f"{piece.run_id}/{piece.attempt}"
            try:
                lengths[key] = self.append(piece.run_id, piece.attempt, piece.offset, piece.lines.encode())
            except WrongOffset as error:  # the answer to another report was lost
                lengths[key] = error.offset
        return lengths

    def _allowed(self, agent_id: str, pieces: Sequence[LogPiece]) -> list[LogPiece]:
        allowed = []
        with self._database.read() as conn:
            for piece in pieces:
                try:
                    check_held(conn, agent_id, piece.run_id, piece.attempt, piece.token)
                    allowed.append(piece)
                except NotHeld as error:
                    log.warning("refused a piece of a log from agent %s: %s", agent_id, error)
        return allowed

    def _grown(self, key: _Key, lines: bytes) -> None:
        """The log of an attempt has grown: take it in soon, unless that would change nothing."""
        if key in self._set_aside:
            return
        self._quiet_bytes[key] += len(lines)
        if is_quiet(lines) and self._quiet_bytes[key] < _MOST_QUIET_BYTES:
            return
        if key not in self._due:
            since_s = time.monotonic() - self._taken_in_at.get(key, 0.0)
            wait_s = max(FIRST_S, AGAIN_S - since_s) if key in self._taken_in_at else FIRST_S
            self._due[key] = asyncio.get_running_loop().call_later(wait_s, self._take_in, key)

    def _heard(self) -> None:
        assert self._bell is not None
        if "work" in self._bell.read():
            self._work.set()

    async def _pass_on(self) -> None:
        """Call those for which there is something to do. Should a look fail, their heartbeats will find it."""
        while True:
            await self._work.wait()
            self._work.clear()  # before the look: a ring that comes during it asks for another
            try:
                self._called = await asyncio.get_running_loop().run_in_executor(self._thread, self._look)
            except (*OUTAGE, StorageUnusable) as error:
                log.warning("agents could not be called: %s", getattr(error, "orig", error))
            except Exception:  # nobody would begin this loop again
                log.exception("agents could not be called")
            else:
                self.bells.call(self._called)

    def _has_reported(self, agent_id: str, orders: Orders) -> None:
        """When all that were called have claimed and runs wait still, others may have room for them."""
        if agent_id in self._called:
            self._called.discard(agent_id)
            self._given |= bool(orders.grants)
            if self._given and orders.waiting and not self._called:
                self._given = False
                self._work.set()

    def _look(self) -> set[str]:
        with self._database.read() as conn:
            return self._calling.look(conn)

    def _sync(self, report: Report) -> Orders:
        for ended in report.ended:
            path = self._home.attempt(ended.run_id, ended.attempt).events
            ingest_long(self._database, ended.run_id, ended.attempt, path, "its agent")
        with self._database.write() as writing:
            check_in(writing.conn, report.agent_id)  # its key was looked at before it waited for its turn
            return sync(writing, self._home, self._ledger, report)

    def _take_in(self, key: _Key) -> None:
        self._due.pop(key)
        self._taken_in_at[key] = time.monotonic()
        self._quiet_bytes.pop(key, None)
        self._thread.submit(self._ingest, key).add_done_callback(partial(self._say_what_failed, key))

    def _ingest(self, key: _Key) -> None:
        run_id, number = key
        with self._database.write() as writing:
            ingest(writing, run_id, number, self._home.attempt(run_id, number).events, "its agent", ends=False)

    def _say_what_failed(self, key: _Key, done: Future[None]) -> None:
        """Nothing is lost: the next time, or the attempt's end, takes in what this time did not."""
        if isinstance(error := done.exception(), (*OUTAGE, StorageUnusable)):
            log.warning("a log could not be taken in: %s", getattr(error, "orig", error))
        elif error is not None:
            self._set_aside.add(key)
            log.error("the log of %s/%d could not be taken in", *key, exc_info=error)

    def _forget(self, key: _Key) -> None:
        self._set_aside.discard(key)
        self._taken_in_at.pop(key, None)
        self._quiet_bytes.pop(key, None)
        if (due := self._due.pop(key, None)) is not None:
            due.cancel()
