"""The attempt's event log as its runner writes it: output at once after quiet, a stream gathered to few events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from gpurun_jupyter.agent.runner.masking import Masking
from gpurun_jupyter.core.bells import ring
from gpurun_jupyter.core.events import Event, Output, Progress, encode_line
from gpurun_jupyter.core.home import AttemptFolder

#: A stream of output becomes an event at most this often, or when this much has gathered.
GATHER_S = 0.05
GATHER_CHARS = 64 * 1024
#: Kept on the disk while the run goes on, for its last event and its exit record should the disk be full by then.
RESERVE_BYTES = 64 * 1024


class Reserve:
    """A file that holds room on the disk until `spend` takes it away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with contextlib.suppress(OSError):  # full already
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _allocate(fd, RESERVE_BYTES)
            finally:
                os.close(fd)

    def spend(self) -> None:
        """Give the room back."""
        self._path.unlink(missing_ok=True)


class EventLog:
    """Appends events to a file and rings the bell. Lives in an event loop; one writer for each file.

    Once the file cannot be written any more, on a full disk, it ends with its last whole line: `failure` says why,
    `on_failure` is called, and events are dropped, but for those of `close`.
    """

    def __init__(self, folder: AttemptFolder, run_id: str, masking: Masking | None = None) -> None:
        self._fd = os.open(folder.events, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._masking = masking or Masking()
        self._reserve = Reserve(folder.reserve)
        self.failure: OSError | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self._bells = folder.home.bells
        self._ring = f"log {run_id}"
        self._begun = time.monotonic()
        self._outputs: list[Output] = []
        self._gathered_chars = 0
        self._bars: dict[str, Progress] = {}
        self._flushed = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def write(self, event: Event) -> None:
        """Append an event at once, after what has gathered before it; output and progress may gather first."""
        event = self._masking.event(event)
        if isinstance(event, Output):
            self._gather_output(event)
        elif isinstance(event, Progress):
            self._bars[event.id] = event
            self._flush_in_time()
        else:
            self._append([*self._take_gathered(), event])

    def close(self, *last: Event) -> None:
        """Write what has gathered and the last events, and close the file."""
        self.flush()
        self._reserve.spend()
        self.failure = None
        self._append([*last])
        os.close(self._fd)

    def spend_reserve(self) -> None:
        """Make room for the exit record."""
        self._reserve.spend()

    def flush(self) -> None:
        """Write what has gathered."""
        self._flushed = time.monotonic()
        self._append(self._take_gathered())

    def _gather_output(self, event: Output) -> None:
        if self._outputs and self._outputs[-1].stream == event.stream:
            self._outputs[-1].text += event.text
        else:
            self._outputs.append(event)
        self._gathered_chars += len(event.text)
        if self._gathered_chars >= GATHER_CHARS:
            self.flush()
        else:
            self._flush_in_time()

    def _flush_in_time(self) -> None:
        if self._timer is not None:
            return
        wait_s = self._flushed + GATHER_S - time.monotonic()
        if wait_s <= 0:
            self.flush()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self.flush)

    def _take_gathered(self) -> list[Event]:
        events: list[Event] = [*self._outputs, *self._bars.values()]
        self._outputs, self._bars, self._gathered_chars = [], {}, 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return events

    def _append(self, events: list[Event]) -> None:
        if not events or self.failure is not None:
            return
        now, m = round(time.time(), 3), round(time.monotonic() - self._begun, 4)
        self._write(b"".join(_line(msgspec.structs.replace(event, t=now, m=m)) for event in events))
        ring(self._bells, self._ring)

    def _write(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:] if written else data)
        except OSError as error:
            part_bytes = written - (data.rfind(b"\n", 0, written) + 1)
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - part_bytes)
            self.failure = error
            self.on_failure()


def _line(event: Event) -> bytes:
    try:
        return encode_line(event)
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON may carry and UTF-8 may not
        return json.dumps(msgspec.to_builtins(event), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _allocate(fd: int, size_bytes: int) -> None:
    """Room on the disk for good: a file of holes has none."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size_bytes)
    else:
        os.write(fd, b"\0" * size_bytes)
