"""A thread for each entry: it looks what is to be told, takes it before another server does, and tells it."""

from __future__ import annotations

import threading
from logging import Logger, LoggerAdapter
from typing import Any

from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_server.notices import texts
from gpurun_server.notices.entries import Entry, Occasion
from gpurun_server.notices.sending import NotSent, Target
from gpurun_server.store.database import OUTAGE, Database
from gpurun_server.store.notices import Wish, begin, lines_between, place, take

LOOK_S = 2.0
#: After a failure it is tried again this much later, and then no more.
PAUSES_S = (1.0, 5.0, 30.0, 120.0)


class Watch:
    """Never delays the queue: it reads, and writes one row where there is something to tell."""

    def __init__(
        self,
        database: Database,
        entry: Entry,
        log: Logger | LoggerAdapter[Any],
        *,
        look_s: float = LOOK_S,
        pauses_s: tuple[float, ...] = PAUSES_S,
    ) -> None:
        self.entry, self.target = entry, Target(entry.url)
        self.failure: NotSent | None = None  # of the last notice
        self._database, self._log, self._look_s, self._pauses_s = database, log, look_s, pauses_s
        self._looked = 0  # so far there is nothing to tell, beyond what the database knows
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"gpurun-notices-{entry.digest}", daemon=True)
        on = set(entry.on)
        self._wish = Wish(entry.owners, entry.projects, entry.outcomes, Occasion.LOST_AGENT in on)

    def start(self) -> None:
        """Tell what comes from now on, or since a server of this database last did."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more; a notice that is on its way is not waited for."""
        self._ending.set()

    def take_news(self) -> list[Any]:
        """The lines to tell that no other server has taken: they are this one's now."""
        entry = self.entry.digest
        with self._database.read() as conn:
            told, latest = place(conn, entry)
            self._looked = max(self._looked, told or 0)  # another server may have told further
            lines = [] if told is None else lines_between(conn, self._wish, self._looked, latest)
        if told is None:
            with self._database.write() as writing:
                begin(writing, entry)
            return []
        if lines:
            with self._database.write() as writing:
                if not take(writing, entry, told, latest):  # another server has them, and tells them
                    return []
        self._looked = latest  # what concerned nobody is not looked through again
        return lines

    def _watch(self) -> None:
        while True:
            if lines := self._news():
                self._tell(texts.title(lines), texts.text(lines))
            if self._ending.wait(self._look_s):
                return

    def _news(self) -> list[Any]:
        try:
            return self.take_news()
        except (*OUTAGE, StorageUnusable):
            return []  # the handlers say so already; nothing is passed over

    def _tell(self, title: str, text: str) -> None:
        for pause_s in (*self._pauses_s, None):
            try:
                self.target.send(title, text)
            except NotSent as error:
                if pause_s is None:
                    self._failed(error)
                elif self._ending.wait(pause_s):
                    return
            else:
                self.failure = None
                return

    def _failed(self, error: NotSent) -> None:
        """Said in the log once, until one arrives again."""
        if self.failure is None:
            self._log.error("gpurun: a notice was given up after %d tries. %s", len(self._pauses_s) + 1, error)
        self.failure = error
