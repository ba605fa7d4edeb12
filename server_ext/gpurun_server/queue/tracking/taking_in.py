"""What was logged through a server is taken into its database a moment later, in one transaction for all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial

from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.home import Home
from gpurun_server.queue.tracking.log_writing import LogWriting
from gpurun_server.store.database import OUTAGE, Database

log = logging.getLogger("gpurun.tracking")

#: So long after the first event that the database lacks, seconds; who reads on this server waits for nothing.
WAIT_S = 0.25


class TakingIn(LogWriting):
    """One for each server; `start` in its event loop."""

    def __init__(self, home: Home, database: Database, threads: Executor) -> None:
        super().__init__(home, database)
        self._threads = threads
        self._due: asyncio.TimerHandle | None = None

    def start(self) -> Callable[[], None]:
        """Hear of logs that grow, and take in what nobody has; returns what ends that."""
        loop = asyncio.get_running_loop()
        self._threads.submit(self.catch_up).add_done_callback(_say_what_failed)
        self.when_grown = partial(self._wake, loop)
        return self._close

    def _close(self) -> None:
        """Take in what there is, and hear of no more."""
        self.when_grown = lambda: None
        if self._due is not None:
            self._due.cancel()
            with contextlib.suppress(*OUTAGE, StorageUnusable):  # the database may be why it ends
                self.take_in()

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(self._soon, loop)

    def _soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._due is None:
            self._due = loop.call_later(WAIT_S, self._begin)

    def _begin(self) -> None:
        self._due = None
        self._threads.submit(self.take_in).add_done_callback(_say_what_failed)


def _say_what_failed(done: Future[None]) -> None:
    """Nothing is lost: what comes next, or who reads next, takes it in."""
    error = done.exception()
    if isinstance(error, (*OUTAGE, StorageUnusable)):
        log.warning("what was logged could not be taken in: %s", getattr(error, "orig", error))
    elif error is not None:
        log.error("what was logged could not be taken in", exc_info=error)
