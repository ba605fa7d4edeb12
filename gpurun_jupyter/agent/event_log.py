"""The attempt's event log as its runner writes it: output at once after quiet, a stream gathered to few events."""

from __future__ import annotations

import asyncio
import os
import time

import msgspec

from gpurun_jupyter.core.bells import ring
from gpurun_jupyter.core.events import Event, Output, Progress, encode_line
from gpurun_jupyter.core.home import AttemptFolder

#: A stream of output becomes an event at most this often, or when this much has gathered.
GATHER_S = 0.05
GATHER_CHARS = 64 * 1024


class EventLog:
    """Appends events to a file and rings the bell. Lives in an event loop; one writer for each file."""

    def __init__(self, folder: AttemptFolder, run_id: str) -> None:
        self._fd = os.open(folder.events, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
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
        if isinstance(event, Output):
            self._gather_output(event)
        elif isinstance(event, Progress):
            self._bars[event.id] = event
            self._flush_in_time()
        else:
            self._append([*self._take_gathered(), event])

    def close(self) -> None:
        """Write what has gathered and close the file."""
        self.flush()
        os.close(self._fd)

    def flush(self) -> None:
        """Write what has gathered."""
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
        if not events:
            return
        self._flushed = time.monotonic()
        now, m = round(time.time(), 3), round(self._flushed - self._begun, 4)
        data = b"".join(encode_line(msgspec.structs.replace(event, t=now, m=m)) for event in events)
        while data:
            data = data[os.write(self._fd, data) :]
        ring(self._bells, self._ring)
