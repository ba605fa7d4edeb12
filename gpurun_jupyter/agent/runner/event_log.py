"""The attempt's event log as its runner writes it: output at once after quiet, a stream gathered to few events.

So are the states of bars and displays, of which the last counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Sequence

import msgspec

from gpurun_jupyter.agent.runner.masking import Masking
from gpurun_jupyter.core.events import LONGEST_LINE_BYTES, Display, Event, Metric, Output, Progress, Sample, encode_line
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.system.bells import ring
from gpurun_jupyter.core.system.reserve import Reserve
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.progress.sources import Sources

#: A stream of output becomes an event at most this often, or when this much has gathered.
GATHER_S = 0.05
GATHER_CHARS = 64 * 1024
#: New states of displays become events at such a rate on average, bytes a second; of each display the last one counts.
DISPLAYS_BYTES_S = 64 * 1024
_PIECE_CHARS = 2**20
#: Kept on the disk while the run goes on, for its last event and its exit record should the disk be full by then.
RESERVE_BYTES = 64 * 1024
#: A disk may be full for so long, seconds, until somebody makes room; lines wait in memory, so many bytes at most.
PATIENCE_S = 60.0
HELD_BYTES = 4 * 2**20
#: The same once the run is over and only its log keeps its devices.
_PATIENCE_AT_THE_END_S = 10.0
_AGAIN_S = 0.25
_NOT_SHOWN = (Metric, Sample)
_FULL = (errno.ENOSPC, errno.EDQUOT)


class EventLog:
    """Appends events to a file and rings the bell. Lives in an event loop; one writer for each file.

    While the disk is full it ends with its last whole line, and what follows is held back until there is room. Once
    that has taken too long, and where the file cannot be written for another reason, `failure` says why, `on_failure`
    is called, and events are dropped, but for those of `close`.
    """

    def __init__(
        self, folder: AttemptFolder, run_id: str, masking: Masking | None = None, sources: Sources | None = None
    ) -> None:
        # O_EXCL: an attempt that has a log has begun, and does not begin again
        self._fd = os.open(folder.events, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._masking = masking or Masking()
        self._sources = sources or Sources()
        self._reserve = Reserve(folder.reserve, RESERVE_BYTES).keep()
        self.failure: OSError | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self._bells = folder.home.bells
        self._ring = f"log {run_id}"
        self._begun = time.monotonic()
        self._outputs: list[Output] = []
        self._gathered_chars = 0
        self._bars: dict[str, Progress] = {}
        self._flushed = float("-inf")
        self._displays: dict[str, Display] = {}
        self._next_displays = float("-inf")
        self._displays_timer: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._held = b""  # whole lines that the disk has no room for
        self._give_up_at = float("inf")  # by the clock of time.monotonic
        self._again: asyncio.TimerHandle | None = None

    def write(self, event: Event) -> None:
        """Append an event at once, after what has gathered before it; output and progress may gather first."""
        believed = self._sources.admit(event)
        if believed is None:
            return
        event = self._masking.event(believed)
        if isinstance(event, Output):
            self._gather_output(event)
        elif isinstance(event, Progress):
            self._bars[event.id] = event
            self._flush_in_time()
        else:
            if isinstance(event, Display):
                self._displays.pop(event.display_id or "", None)  # this is the newest state
            # what is not shown has no place among displays: they gather on
            displays = [] if isinstance(event, _NOT_SHOWN) else self._take_displays()
            self._append([*self._take_gathered(), *displays, event])

    def write_all(self, events: Sequence[Event]) -> None:
        """Append what is no part of what is shown, at one stroke; each at its own time, where it has one."""
        believed = (self._sources.admit(event) for event in events)
        written = [self._masking.event(event) for event in believed if event is not None]
        self._append([*self._take_gathered(), *written], keep_times=True)

    def update(self, event: Display) -> None:
        """Append a new state of a display, unless another one follows soon: a loop may make thousands of them."""
        masked = self._masking.event(event)
        assert isinstance(masked, Display)
        self._displays[masked.display_id or ""] = masked
        if self._displays_timer is not None:
            return
        wait_s = self._next_displays - time.monotonic()
        if wait_s <= 0:
            self._write_displays()
        else:
            self._displays_timer = asyncio.get_running_loop().call_later(wait_s, self._write_displays)

    def close(self, *last: Event) -> None:
        """Write what has gathered and the last events, and close the file."""
        try:
            self.flush()
        finally:
            self._close(*last)

    def _close(self, *last: Event) -> None:
        self._reserve.spend()
        self._forget_held()
        self.failure = None
        try:
            self._append([*last])
            self._forget_held()  # no timer may write into a closed file
        finally:
            os.close(self._fd)

    async def settle(self) -> None:
        """Write what is held back: with the room of the reserve if that is enough, else when there is some, or never.

        Afterwards `failure` says whether the log is whole.
        """
        self.flush()
        if self._held and len(self._held) <= RESERVE_BYTES // 2:  # the rest is for the end and the exit record
            self._reserve.spend()
            self._write_held()
        self._give_up_at = min(self._give_up_at, time.monotonic() + _PATIENCE_AT_THE_END_S)
        while self._held:
            await asyncio.sleep(_AGAIN_S)

    def spend_reserve(self) -> None:
        """Make room for the exit record."""
        self._reserve.spend()

    def flush(self) -> None:
        """Write what has gathered."""
        self._flushed = time.monotonic()
        self._append([*self._take_gathered(), *self._take_displays()])

    def _write_displays(self) -> None:
        written = self._append(self._take_displays())
        self._next_displays = time.monotonic() + max(GATHER_S, written / DISPLAYS_BYTES_S)

    def _take_displays(self) -> list[Display]:
        displays, self._displays = [*self._displays.values()], {}
        if self._displays_timer is not None:
            self._displays_timer.cancel()
            self._displays_timer = None
        return displays

    def _write_gathered(self) -> None:
        self._flushed = time.monotonic()
        self._append(self._take_gathered())

    def _gather_output(self, event: Output) -> None:
        if self._outputs and self._outputs[-1].stream == event.stream:
            self._outputs[-1].text += event.text
        else:
            self._outputs.append(event)
        self._gathered_chars += len(event.text)
        if self._gathered_chars >= GATHER_CHARS:
            self._write_gathered()
        else:
            self._flush_in_time()

    def _flush_in_time(self) -> None:
        if self._timer is not None:
            return
        wait_s = self._flushed + GATHER_S - time.monotonic()
        if wait_s <= 0:
            self._write_gathered()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._write_gathered)

    def _take_gathered(self) -> list[Event]:
        events: list[Event] = [*self._outputs, *self._bars.values()]
        self._outputs, self._bars, self._gathered_chars = [], {}, 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return events

    def _append(self, events: Sequence[Event], *, keep_times: bool = False) -> int:
        """Write events; returns how many bytes they are."""
        if not events or self.failure is not None:
            return 0
        now, m = round(time.time(), 3), round(time.monotonic() - self._begun, 4)
        times = ((event.t if keep_times else 0.0) or now for event in events)
        data = b"".join(
            _lines(msgspec.structs.replace(event, t=t, m=max(0.0, round(m - now + t, 4))))
            for event, t in zip(events, times, strict=True)
        )
        if self._held:
            self._held += data  # behind what waits already
            if len(self._held) > HELD_BYTES:
                self._write_held()
        else:
            self._write(data)
        return len(data)

    def _write(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:] if written else data)
        except OSError as error:
            whole = data.rfind(b"\n", 0, written) + 1
            with contextlib.suppress(OSError):
                # half a line must not stay: the next one would begin within it
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - (written - whole))
            self._hold(data[whole:], error)
        else:
            self._forget_held()
        ring(self._bells, self._ring)

    def _hold(self, data: bytes, error: OSError) -> None:
        """Keep lines for when there is room, or give up."""
        now = time.monotonic()
        if not self._held:
            self._give_up_at = now + (PATIENCE_S if error.errno in _FULL else 0.0)
        if now >= self._give_up_at or len(data) > HELD_BYTES:
            self._forget_held()
            self.failure = error
            self.on_failure()
        else:
            self._held = data
            self._again = asyncio.get_running_loop().call_later(_AGAIN_S, self._write_held)

    def _write_held(self) -> None:
        if self._again is not None:
            self._again.cancel()
        self._write(self._held)

    def _forget_held(self) -> None:
        self._held, self._give_up_at = b"", float("inf")
        if self._again is not None:
            self._again.cancel()
            self._again = None


def _lines(event: Event) -> bytes:
    """The event as a line of a log; text that is too long for one as several, anything else as a note in its place."""
    line = _encoded(event)
    if len(line) <= LONGEST_LINE_BYTES:
        return line
    if isinstance(event, Output):
        pieces = (event.text[at : at + _PIECE_CHARS] for at in range(0, len(event.text), _PIECE_CHARS))
        return b"".join(_encoded(msgspec.structs.replace(event, text=piece)) for piece in pieces)
    note = f"[{type(event).__name__.lower()} of {format_size(len(line))} left out: a log takes no more than "
    text = f"{note}{format_size(LONGEST_LINE_BYTES)} in one piece]\n"
    return _encoded(Output(stream="stderr", text=text, t=event.t, m=event.m))


def _encoded(event: Event) -> bytes:
    try:
        return encode_line(event)
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON may carry and UTF-8 may not
        return json.dumps(msgspec.to_builtins(event), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
