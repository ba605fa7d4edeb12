"""Watched folders: what another tool writes there appears as runs, while it is written."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from contextlib import aclosing
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
            if not await self._watch_if_first():
                await self._pause()

    async def _watch_if_first(self) -> bool:
        """Watch what is there, unless another server does; whether there was anything to watch."""
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return await self._watch(await self._there())
        except BlockingIOError:  # an OSError, too: so it comes first
            log.info("another server watches the folders of this state directory")
        except (OSError, RuntimeError) as error:  # such as too many watches on this machine
            log.warning("the folders cannot be watched now: %s", error)
        finally:
            os.close(lock)  # which lets go of it: another server may be the one
        return False

    async def _watch(self, folders: Sequence[Path]) -> bool:
        """Until it is stopped, or a folder has come or gone; False where none is there."""
        for folder in set(self._folders) - set(folders):
            log.warning("the folder %s, which is to be watched, is not there", folder)
        if not folders:
            return False
        await self._look_at_changes(folders)
        return True

    async def _look_at_changes(self, folders: Sequence[Path]) -> None:
        from watchfiles import awatch  # most servers watch nothing, and need not load it

        changed = awatch(
            *folders, stop_event=self._stop, rust_timeout=LOOK_MS, yield_on_timeout=True, ignore_permission_denied=True
        )
        is_first = True
        async with aclosing(changed) as rounds:  # else it would be watched until somebody collects it
            async for changes in rounds:
                paths = [Path(path) for _, path in changes]
                # all in the first round: what was there is no change, and what is written before it would be missed
                found = self._runs_below(folders) if is_first else self._runs_at(paths, folders)
                is_first = False
                # the open ones each time: that they are left alone is how they end
                await self._look(dict.fromkeys([*self._importer.open, *found]))
                if await self._there() != folders:
                    return

    async def _there(self) -> list[Path]:
        """The folders that are there; in a thread, for on a mount that hangs a look takes long."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: [folder for folder in self._folders if folder.is_dir()]
        )

    def _runs_below(self, folders: Iterable[Path]) -> Iterable[PlainRun]:
        return [run for folder in folders for run in runs_below(folder)]

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
