from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec
import pytest

from gpurun_jupyter.core.events import Checkpoint, Metric, Model, Progress


class Reader:
    """Reads the FIFO as the runner does: every line must be an event, and short enough not to be torn."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._keeps_it_open = os.open(path, os.O_WRONLY)
        os.set_blocking(self._fd, True)
        self._data = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while data := os.read(self._fd, 65536):
            self._data += data

    def events(self) -> list[Checkpoint | Metric | Model | Progress]:
        """Everything that was written; ends the reading."""
        os.close(self._keeps_it_open)
        self._thread.join()
        os.close(self._fd)
        lines = self._data.splitlines(keepends=True)
        assert all(len(line) < 4096 and line.endswith(b"\n") for line in lines)
        return [msgspec.json.decode(line, type=Checkpoint | Metric | Model | Progress) for line in lines]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from gpurun_jupyter.report import pipe

    reader = Reader(tmp_path / "report")
    monkeypatch.setenv("GPURUN_REPORT", str(reader.path))
    real_events = reader.events

    def close_and_read() -> list[Checkpoint | Metric | Model | Progress]:
        pipe._forget()  # a FIFO ends when its last writer has gone, and this process is one
        return real_events()

    reader.events = close_and_read
    yield reader
    pipe._forget()
    if reader._thread.is_alive():
        real_events()
