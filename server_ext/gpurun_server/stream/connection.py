"""One client's live connection: what it watches, and the frames that tell it what is new. Frames are JSON bytes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import sqlalchemy as sa

from gpurun_jupyter.core.errors import GpurunError, InvalidRequest
from gpurun_jupyter.core.events import START_OF_LOG, Cursor
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import Run
from gpurun_server.queue.ledger.known_agents import known_agents
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.ledger.log_lag import HERE, LogLag
from gpurun_server.queue.listing import first as first_of
from gpurun_server.queue.listing import out_of_step, shown, since
from gpurun_server.store.database import OUTAGE, Database
from gpurun_server.store.models.models import revision
from gpurun_server.store.queries import by_id, find
from gpurun_server.stream.frames import before_frame, error_frame, events_frame, frame, run_frame
from gpurun_server.stream.tail import Tail, before, last_lines, place_in_log
from gpurun_server.stream.wishes import Unwatch, Watch, lines_wanted, wish_in

log = logging.getLogger("gpurun.stream")

BEAT_S = 15.0  # a page takes forty seconds of silence for a dead connection
#: Lists of runs and devices, and why a run waits, follow one another by so much at least: a busy queue rings hundreds
#: of times a second. What a run prints does not wait.
SLOW_S = 0.1
#: Until when a run waits changes with the progress of others, which rings nothing for the queue.
QUEUE_AGAIN_S = 5.0
#: How logs of other machines stand changes as time goes by, which rings nothing at all.
_STANDINGS_AGAIN_S = 1.0
_NEWEST = 100


@dataclass
class _WatchedRun:
    tail: Tail
    revision: int = -1
    log_lag: LogLag = HERE
    log_rung: bool = True
    row_rung: bool = True


class LiveConnection:
    """Collects frames for one client; iterate over `frames()` and send each before taking the next."""

    def __init__(
        self, home: Home, database: Database, ledger: Ledger, owner: str, on_close: Callable[[LiveConnection], None]
    ) -> None:
        self._home = home
        self._database = database
        self._ledger = ledger
        self._owner = owner
        self._on_close = on_close
        self._woken = asyncio.Event()
        self._closed = False
        self._runs_since: int | None = None  # revision; None: not watched; -1: nothing sent yet
        self._runs_rung = False
        self._queue_rung = False
        self._queue_due = self._log_lags_due = 0.0  # by the clock of time.monotonic
        self._log_lags: dict[str, LogLag] = {}  # as told, by run id
        self._devices_watched = False
        self._devices_rung = False
        self._models_told: int | None = None  # revision; None: not watched; -1: nothing sent yet
        self._models_rung = False
        self._slow_due = 0.0  # by the clock of time.monotonic
        self._watched: dict[str, _WatchedRun] = {}
        self._pending: list[bytes] = []
        self._counting: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """End `frames()`."""
        self._closed = True
        self._woken.set()  # whoever waits there finds that it is over
        self._on_close(self)

    def wake(self, kinds: set[str], run_ids: set[str] | None) -> None:
        """Look again at what was rung for; `run_ids` None means every run."""
        if self._runs_since is not None and kinds & {"run", "queue"}:
            self._runs_rung = True
            self._queue_rung |= "queue" in kinds
        if self._devices_watched and kinds & {"agents", "queue"}:
            self._devices_rung = True
        if self._models_told is not None and "models" in kinds:
            self._models_rung = True
        for run_id, watched in self._watched.items():
            if run_ids is None or run_id in run_ids or "queue" in kinds:  # why it waits changes with the others
                watched.log_rung |= "log" in kinds or "run" in kinds
                watched.row_rung |= bool(kinds & {"run", "queue"})
        if self._slow_wait or any(watched.log_rung for watched in self._watched.values()):
            self._woken.set()

    def receive(self, message: str | bytes) -> None:
        """A client's wish, as one JSON object; a refusal is a frame, of the run where it is about one."""
        try:
            wish = wish_in(message)
        except InvalidRequest as error:
            self._refuse(error)
            return
        if isinstance(wish, Unwatch):
            self._unwatch(wish)
            return
        try:
            self.watch(wish)
        except GpurunError as error:
            self._refuse(error, wish.run)

    def _refuse(self, error: GpurunError, run: str | None = None) -> None:
        self._pending.append(error_frame(error, run))
        self._woken.set()

    def watch(self, wish: Watch) -> None:
        """Begin to watch. Raises InvalidRequest; a run that does not exist is answered by an error frame."""
        self._slow_due = 0.0  # who begins to watch is answered at once
        if wish.watch == "runs":
            self._runs_since, self._runs_rung = -1, True
        elif wish.watch == "devices":
            self._devices_watched = self._devices_rung = True
        elif wish.watch == "models":
            self._models_told, self._models_rung = -1, True
        else:
            self._watch_run(wish)
        self._woken.set()

    def _watch_run(self, wish: Watch) -> None:
        if wish.run is None:
            raise InvalidRequest("Which run?", 'Add "run": its id.')
        count = lines_wanted(wish.cursor)
        cursor = START_OF_LOG if count else Cursor.parse(wish.cursor)
        try:
            with self._database.read() as conn:
                run = find(conn, wish.run, self._owner)
        except GpurunError as error:
            self._pending.append(error_frame(error, wish.run))
            return
        try:
            self._watch_from(run.id, place_in_log(self._home, run.id, run.attempt, cursor), count)
        except OSError as error:  # of this log: what else is watched goes on
            log.exception("run %s cannot be shown", run.id)
            self._pending.append(error_frame(error, wish.run))

    def _watch_from(self, run_id: str, cursor: Cursor, count: int) -> None:
        if count and (cursor := last_lines(self._home, run_id, count)) != START_OF_LOG:
            self._pending.append(before_frame(run_id, cursor, None))  # the lines are not to wait for the count
            counting = asyncio.ensure_future(self._tell_before(run_id, cursor))
            self._counting.add(counting)  # or nobody would hold it
            counting.add_done_callback(self._counting.discard)
        self._watched[run_id] = _WatchedRun(Tail(self._home, run_id, cursor))

    async def _tell_before(self, run_id: str, cursor: Cursor) -> None:
        """Read what stands before the place from which on a run is shown, and say what it is."""
        try:
            found = await asyncio.to_thread(before, self._home, run_id, cursor)
        except OSError as error:  # whoever watches sees what follows none the less
            log.warning("what stands before %s in the log of run %s cannot be counted: %s", cursor, run_id, error)
            return
        if run_id in self._watched:  # it may be watched no more by now
            self._pending.append(before_frame(run_id, cursor, found))
            self._woken.set()

    def watch_accepted(self, run: Run) -> None:
        """Begin to watch a run of which the client has just been told that it is queued.

        Why it waits is worked out a little later, unless it has been started by then, as most are.
        """
        told = run.state is State.QUEUED  # else it was accepted by an earlier request
        self._watched[run.id] = _WatchedRun(
            Tail(self._home, run.id, START_OF_LOG), run.revision if told else -1, row_rung=not told
        )
        asyncio.get_running_loop().call_later(SLOW_S, self.wake, {"queue"}, {run.id})

    def _unwatch(self, wish: Unwatch) -> None:
        if wish.unwatch == "runs":
            self._runs_since, self._runs_rung = None, False
        elif wish.unwatch == "devices":
            self._devices_watched = self._devices_rung = False
        elif wish.unwatch == "models":
            self._models_told, self._models_rung = None, False
        else:
            self._watched.pop(wish.run or "", None)

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """What is new, for ever; a beat where nothing is for long. Ends when the connection is closed."""
        while not self._closed:
            self._woken.clear()  # before the look: what rings while frames are sent is not lost
            frames = self._collect()
            for one in frames:
                yield one
            if not frames and not await self._wait():
                yield b'{"type":"beat"}'

    async def _wait(self) -> bool:
        """Wait for something to look at; False where nothing came for long."""
        slow_wait = self._slow_wait
        wait_s = max(0.0, self._slow_due - time.monotonic()) if slow_wait else BEAT_S
        try:
            await asyncio.wait_for(self._woken.wait(), wait_s)
        except asyncio.TimeoutError:  # another one than the built-in in Python 3.10
            return slow_wait  # to have waited for what is due is no silence
        return True

    def _collect(self) -> list[bytes]:
        frames, self._pending = self._pending, []
        due = self._slow_wait and time.monotonic() >= self._slow_due
        for run_id, watched in list(self._watched.items()):  # a copy: a run that is gone is let go of on the way
            frames += self._of_run_or_why_not(run_id, watched, due)
        if due:
            self._slow_due = time.monotonic() + SLOW_S
            with self._database.read() as conn:
                frames += self._of_runs(conn) + self._of_devices(conn) + self._of_models(conn)
        return frames

    @property
    def _slow_wait(self) -> bool:
        """Whether something is to be looked at that is costly."""
        rung = self._runs_rung or self._devices_rung or self._models_rung
        return rung or any(watched.row_rung for watched in self._watched.values())

    def _of_run_or_why_not(self, run_id: str, watched: _WatchedRun, due: bool) -> list[bytes]:
        """What is wrong with one run ends the watching of that one; without a database nothing can be told at all."""
        try:
            return self._of_run(run_id, watched, due)
        except OUTAGE:
            raise
        except Exception as error:
            log.exception("run %s cannot be shown", run_id)
            self._watched.pop(run_id, None)
            return [error_frame(error, run_id)]

    def _of_run(self, run_id: str, watched: _WatchedRun, due: bool) -> list[bytes]:
        """Events first; a run that has finished is said to have only when its last events were sent."""
        lines = watched.tail.read() if watched.log_rung else []
        watched.log_rung = bool(lines)  # there may be more than is read at once
        if lines:
            return [events_frame(run_id, watched.tail.cursor, lines)]
        if not watched.row_rung:
            return []
        with self._database.read() as conn:
            if (row := by_id(conn, run_id)) is None:  # deleted for good
                del self._watched[run_id]
                return []
            if row.state == State.QUEUED.value and not due:
                return []  # why it waits changes with every other run
            run = shown(conn, self._ledger, [row], self._owner)[0]
        watched.row_rung = False  # only here: a run that waits is looked at again when it is due
        if run.state is State.FINISHED and (lines := watched.tail.read()):  # written since the look above
            watched.row_rung = watched.log_rung = True
            return [events_frame(run_id, watched.tail.cursor, lines)]
        log_lag = LogLag(run.sync, run.behind_s)
        if (run.revision, log_lag) == (watched.revision, watched.log_lag) and run.waiting is None:
            return []
        watched.revision, watched.log_lag = run.revision, log_lag
        return [run_frame(run)]

    def _of_runs(self, conn: sa.Connection) -> list[bytes]:
        if not self._runs_rung or self._runs_since is None:
            return []
        first = self._runs_since < 0
        found = first_of(conn, self._ledger, self._owner, _NEWEST) if first else self._since(conn)
        self._runs_rung = self._queue_rung = False
        self._runs_since = max([self._runs_since, 0, *(run.revision for run in found)])  # at least 0: it was sent
        return [frame("runs", runs=found)] if found or first else []

    def _since(self, conn: sa.Connection) -> list[Run]:
        assert self._runs_since is not None
        now = time.monotonic()
        with_queue = self._queue_rung or now >= self._queue_due
        if with_queue:
            self._queue_due = now + QUEUE_AGAIN_S
        found = since(conn, self._ledger, self._owner, self._runs_since, with_queue=with_queue)
        if now >= self._log_lags_due:
            self._log_lags_due = now + _STANDINGS_AGAIN_S
            told = {run.id for run in found}
            others = out_of_step(conn, self._ledger, self._owner, self._log_lags)
            found += [run for run in others if run.id not in told]
        return found

    def _of_devices(self, conn: sa.Connection) -> list[bytes]:
        if not self._devices_rung:
            return []
        self._devices_rung = False
        return [frame("devices", agents=known_agents(conn, self._ledger, self._owner))]

    def _of_models(self, conn: sa.Connection) -> list[bytes]:
        """That some model has changed, not which: who is told asks for those that are theirs."""
        if not self._models_rung:
            return []
        self._models_rung = False
        latest, told = revision(conn), self._models_told
        self._models_told = latest
        return [frame("models", revision=latest)] if latest != told else []
