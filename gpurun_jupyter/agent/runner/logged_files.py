"""What loggers write into files of the workspace while a run goes on becomes its metrics and parameters."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path, PurePosixPath

from gpurun_jupyter.agent.runner.in_thread import InThread
from gpurun_jupyter.agent.runner.workspace_files import Growth, WorkspaceFiles
from gpurun_jupyter.core import events
from gpurun_jupyter.core.numbers import all_in_json
from gpurun_jupyter.progress.readers.files.formats import BEGINNING_BYTES, States, reader_for
from gpurun_jupyter.progress.readers.files.found import FileReader, Found, Points
from gpurun_jupyter.progress.readers.files.names import Names
from gpurun_jupyter.progress.thinning import Thinning

#: So often files are looked at, in seconds, or less often where that takes more than a tenth of the time.
EVERY_S = 1.0
_SHARE = 0.1
#: At its end a run waits so long for what its files have still to tell.
_LAST_S = 10.0
#: Of one file at once.
_PIECE_BYTES = 4 * 2**20
#: Files that are read as a whole are settings and states, not data.
_MAX_WHOLE_BYTES = 32 * 2**20
_THINNED = "[a metric in a file comes more than 20 times a second: of its points some are kept, and the last]\n"


class LoggedFiles:
    """The files of one attempt."""

    def __init__(self, work: Path, write: Callable[[events.Event], None]) -> None:
        self._work = work
        self._files = WorkspaceFiles(work, lambda path: reader_for(path, b"") is not None)
        self._thread = InThread("logged files", self._until, write, _LAST_S)
        self._readers: dict[PurePosixPath, FileReader | None] = {}
        self._states: States = {}
        self._names = Names()
        self._thinning = Thinning()
        self._begun = time.monotonic()
        self._told_of_thinning = False

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Read the files while this lasts, and to their ends."""
        async with self._thread.going_on(asked=self._has_any):
            yield

    def _has_any(self) -> bool:
        """Whether there is anything to look at in a workspace that was not looked at while the run went on."""
        with contextlib.suppress(OSError):
            return any(self._work.iterdir())
        return False

    def _until(self, ended: threading.Event) -> Iterator[events.Event]:
        over = False
        while True:
            begun = time.monotonic()
            yield from self._look()
            if over:
                yield from self._last()
                return
            over = ended.wait(max(EVERY_S, (time.monotonic() - begun) / _SHARE))

    def _look(self) -> Iterator[events.Event]:
        """All that the files say by now."""
        more = True
        while more:  # a long file in pieces, so that little of it is held at once
            more = False
            found: list[events.Metric] = []
            for path, now in self._files.grown():
                reader = self._reader(path)
                if reader is None:
                    continue
                whole = reader.whole
                growth = self._files.read(path, now, _MAX_WHOLE_BYTES if whole else _PIECE_BYTES, whole=whole)
                if growth is None or (whole and len(growth.data) < growth.size):
                    continue
                more = more or growth.start + len(growth.data) < growth.size
                for event in self._events(path, reader, self._told(growth, reader)):
                    if isinstance(event, events.Metric):
                        found.append(event)
                    else:
                        yield event
            yield from self._thin(found)

    def _told(self, growth: Growth, reader: FileReader) -> list[Found]:
        """What is new in a file; what it had when the run began is read for its headers alone."""
        if growth.start == 0 and not reader.whole:
            reader.again()
        old = self._files.at_start(growth.path) - growth.start
        if old <= 0:
            return reader.read(growth.data)
        if reader.whole:
            told = reader.read(growth.data)
            return told if growth.size != self._files.at_start(growth.path) else []
        reader.read(growth.data[:old])
        return reader.read(growth.data[old:])

    def _last(self) -> Iterator[events.Event]:
        """No more comes: what stands at the end of a file without a line's end."""
        ends = [
            event
            for path, reader in self._readers.items()
            if reader is not None
            for event in self._events(path, reader, reader.end())
        ]
        yield from self._thin([event for event in ends if isinstance(event, events.Metric)])
        yield from (event for event in ends if not isinstance(event, events.Metric))
        yield from self._thinning.last()

    def _thin(self, metrics: list[events.Metric]) -> Iterator[events.Event]:
        yield from self._thinning.thin(metrics, time.monotonic() - self._begun)
        if self._thinning.has_thinned and not self._told_of_thinning:
            self._told_of_thinning = True
            yield events.Output(stream="stderr", text=_THINNED)

    def _reader(self, path: PurePosixPath) -> FileReader | None:
        if path not in self._readers:
            beginning = b""
            with contextlib.suppress(OSError), (self._work / path).open("rb") as file:
                beginning = file.read(BEGINNING_BYTES)
            self._readers[path] = reader_for(path, beginning, self._states)
        reader = self._readers[path]
        return None if reader is None or reader.broken else reader

    def _events(self, path: PurePosixPath, reader: FileReader, found: list[Found]) -> Iterator[events.Event]:
        for one in found:
            if isinstance(one, Points):
                called = ((self._names.called(name, reader.by, path, one.run), name) for name in one.values)
                values = {new: one.values[name] for new, name in called if new is not None}
                if values:
                    yield events.Metric(values=all_in_json(values), step=one.step, by=reader.by)
            elif one.values:
                yield events.Parameters(values=one.values, by=reader.by)
