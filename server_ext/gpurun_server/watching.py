"""Watched folders: what another tool writes there appears as runs, while it is written."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path

from gpurun_jupyter.core.home import Home
from gpurun_server.queue.intake.importing import Importer
from gpurun_server.store.folders.plain_files import ENDINGS, PlainRun, runs_below, runs_in

log = logging.getLogger("gpurun.files")

#: So often it is looked whether a run was left alone for long enough, or cancelled.
LOOK_MS = 2000
#: A folder that is not there, or watched by another server on the same state directory, is tried again so much later.
AGAIN_S = 30.0


class Watch:
    """Watches folders until it is stopped. Of several servers on one state directory one does."""

    def __init__(self, home: Home, folders: Sequence[str], importer: Importer, threads: Executor) -> None:
        self._lock = home.path / "files.lock"
        self._folders = [Path(folder).expanduser().absolute() for folder in folders]
        self._importer = importer
        self._threads = threads
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch, in the running event loop."""
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Watch no more; runs that go on are taken up by the next server."""
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                await self._watch([folder for folder in self._folders if folder.is_dir()])
            except BlockingIOError:  # an OSError, too: so it comes first
                log.info("another server watches the folders of this state directory")
            except (OSError, RuntimeError) as error:  # such as too many watches on this machine
                log.warning("the folders cannot be watched now: %s", error)
            finally:
                os.close(lock)  # which lets go of it: another server may be the one
            await self._pause()

    async def _watch(self, folders: Sequence[Path]) -> None:
        """Until it is stopped, or a folder that was missing is there."""
        for folder in set(self._folders) - set(folders):
            log.warning("the folder %s, which is to be watched, is not there", folder)
        if not folders:
            return
        from watchfiles import awatch  # most servers watch nothing, and need not load it

        # what was there before is no change, and would not be told
        await self._look([run for folder in folders for run in runs_below(folder)])
        watched = awatch(
            *folders, stop_event=self._stop, rust_timeout=LOOK_MS, yield_on_timeout=True, ignore_permission_denied=True
        )
        async for changes in watched:
            paths = [Path(path) for _, path in changes]
            # the open ones each time: that they are left alone is how they end
            await self._look({*self._importer.open, *self._runs_at(paths, folders)})

    def _runs_at(self, paths: Iterable[Path], folders: Sequence[Path]) -> Iterable[PlainRun]:
        for path in paths:
            if path.parent in folders and path.is_dir():  # its files may have been there before it was watched
                yield from runs_in(path)
            elif path.parent.parent in folders and path.suffix in ENDINGS and not path.name.startswith("."):
                yield PlainRun.of(path)

    async def _look(self, found: Iterable[PlainRun]) -> None:
        for run in found:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._importer.look, run)

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), AGAIN_S)
        except asyncio.TimeoutError:
            return
