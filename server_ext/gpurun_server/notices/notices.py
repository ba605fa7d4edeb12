"""All entries of `GpurunApp.notices` together."""

from __future__ import annotations

from collections.abc import Iterable
from logging import Logger, LoggerAdapter
from typing import Any

from gpurun_jupyter.core.errors import GpurunError
from gpurun_server.notices.entries import Entry, read
from gpurun_server.notices.watch import Watch
from gpurun_server.store.database import Database


class Notices:
    """The watches. What is wrong with the setting is said in the log, and keeps the server from nothing else."""

    def __init__(
        self, database: Database, settings: Iterable[Any], owner: str, log: Logger | LoggerAdapter[Any]
    ) -> None:
        self._database, self._log = database, log
        self.watches: list[Watch] = []
        self.unusable: list[tuple[Entry | None, GpurunError]] = []  # None: the setting as a whole
        try:
            entries = read(settings, owner)
        except GpurunError as error:
            self._refuse(None, error)
        else:
            for entry in entries:
                self._add(entry)

    def start(self) -> None:
        """Begin to tell."""
        for watch in self.watches:
            watch.start()

    def stop(self) -> None:
        """Tell nothing more."""
        for watch in self.watches:
            watch.stop()

    def _add(self, entry: Entry) -> None:
        try:
            self.watches.append(Watch(self._database, entry, self._log))
        except GpurunError as error:
            self._refuse(entry, error)

    def _refuse(self, entry: Entry | None, error: GpurunError) -> None:
        self.unusable.append((entry, error))
        self._log.error("gpurun: no notices. %s", error)
