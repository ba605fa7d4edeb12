"""All entries of `GpurunApp.notices` together."""

from __future__ import annotations

from logging import Logger, LoggerAdapter
from typing import Any

from gpurun_jupyter.core.errors import GpurunError
from gpurun_server.notices.entries import Entry, read
from gpurun_server.notices.watch import Watch
from gpurun_server.store.database import Database


class Notices:
    """The watches. An entry that is wrong is said in the log, and keeps the server from nothing else."""

    def __init__(self, database: Database, settings: Any, owner: str, log: Logger | LoggerAdapter[Any]) -> None:
        self._database, self._log = database, log
        self.watches: list[Watch] = []
        self.unusable: list[tuple[Entry | None, GpurunError]] = []  # None: it does not even say whom it is about
        for number, setting in enumerate(settings if isinstance(settings, list) else [settings], 1):
            self._add(number, setting, owner)

    def start(self) -> None:
        """Begin to tell."""
        for watch in self.watches:
            watch.start()

    def stop(self) -> None:
        """Tell nothing more."""
        for watch in self.watches:
            watch.stop()

    def _add(self, number: int, setting: Any, owner: str) -> None:
        entry = None
        try:
            entry = read(number, setting, owner)
            if entry.digest not in {watch.entry.digest for watch in self.watches}:  # a second one would only race it
                self.watches.append(Watch(self._database, entry, self._log))
        except GpurunError as error:
            self.unusable.append((entry, error))
            self._log.error("gpurun: no notices. %s", error)
