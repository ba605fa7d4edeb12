"""What a run says, on its way into the log: printed text through the progress decoder, `report` through its FIFO."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from gpurun_jupyter.agent.runner.event_log import EventLog
from gpurun_jupyter.agent.runner.masking import MaskedStream, Masking
from gpurun_jupyter.agent.runner.reasons import TAIL_CHARS
from gpurun_jupyter.core.events import (
    Checkpoint,
    Clear,
    Display,
    Error,
    Event,
    Metric,
    Model,
    Output,
    Progress,
    Result,
    event_on,
)
from gpurun_jupyter.progress.bars.drawn import Drawn
from gpurun_jupyter.progress.decoder import QUIET_S, Decoder
from gpurun_jupyter.progress.readers.budget import Budget

_READ_BYTES = 65536
_REPORTED = (Progress, Metric, Checkpoint, Model)
#: Longer than any line that `report` writes: what has no newline by then is not of its making.
_LONGEST_REPORT_BYTES = 64 * 1024


class OutputSink:
    """Takes what a run prints and displays, and writes it to the log in order.

    `captured` makes events of printed text that is a part of something else, as that of a widget. What is raised by any
    of it is caught by `caught`: who reads a kernel's messages has to read on.
    """

    def __init__(
        self,
        log: EventLog,
        masking: Masking | None = None,
        caught: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        self.tail = ""  # what was printed last, or what the cell raised: it tells why a run failed
        self.captured: Callable[[str], list[Event] | None] = lambda _: None
        self.has_begun = False  # something came
        self._caught = caught
        self._log = log
        self._decoder = Decoder(Budget())
        self._stream: Literal["stdout", "stderr"] = "stdout"  # what was printed to last
        self._masking = masking or Masking()
        self._masked: dict[Literal["stdout", "stderr"], MaskedStream] = {}
        self._quiet: asyncio.TimerHandle | None = None

    @property
    def drawn(self) -> Drawn:
        """Takes bars that are neither text nor displays."""
        return self._decoder.drawn

    def expect(self, parameters: Mapping[str, str]) -> None:
        """The run was told these, which may say how many epochs there are."""
        self._decoder.expect(parameters)

    def text(self, stream: Literal["stdout", "stderr"], text: str) -> None:
        """Text as it was printed, in pieces of any size."""
        self.has_begun = True
        with self._caught():
            self._take_text(stream, text)

    def event(self, event: Event) -> None:
        """Anything that is not printed text."""
        self.has_begun = True
        with self._caught():
            self._take_event(event)

    def flush(self) -> None:
        """Write what has gathered, so that the log's file is what was said so far."""
        self._release()
        self._write(self._decoder.flush())
        self._log.flush()

    def close(self) -> None:
        """Write what the decoder still holds back: there is no more to come."""
        if self._quiet is not None:
            self._quiet.cancel()
        self._release()
        self._write(self._decoder.flush())

    def _take_text(self, stream: Literal["stdout", "stderr"], text: str) -> None:
        if (events := self.captured(text)) is not None:
            for event in events:
                self._take_event(event)
            return
        if self._masking:
            text = self._masked.setdefault(stream, MaskedStream(self._masking)).feed(text)
        self._say(stream, text)
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._say_what_waits)

    def _take_event(self, event: Event) -> None:
        if isinstance(event, Error):
            self.tail = self._masking.text(f"{event.name}: {event.value}")
        self._say_what_waits()  # text that is held back was printed before it
        if isinstance(event, Error):
            self._write(self._decoder.flush())
        elif isinstance(event, Clear | Result) or (isinstance(event, Display) and not event.update):
            self._write([*self._decoder.rest(self._stream), *self._decoder.make_way()])
        if isinstance(event, Display | Result):
            self._show(event)
        else:
            self._write([event])

    def _say(self, stream: Literal["stdout", "stderr"], text: str) -> None:
        self.tail = (self.tail + text)[-TAIL_CHARS:]
        if stream != self._stream:
            self._write(self._decoder.rest(self._stream))
            self._stream = stream
        self._write(self._decoder.feed(text, stream))

    def _show(self, event: Display | Result) -> None:
        for told in self._decoder.display(event):
            if isinstance(told, Display) and told.update:
                self._log.update(told)
            else:
                self._log.write(told)

    def _release(self) -> None:
        """What was held back as the beginning of a secret."""
        for stream, masked in self._masked.items():
            if rest := masked.release():
                self._say(stream, rest)

    def _say_what_waits(self) -> None:
        self._release()
        self._write(self._decoder.idle())

    def _write(self, events: Iterable[Event]) -> None:
        for event in events:
            if self._masking and isinstance(event, Output):  # a bar's line was no text before
                event.text = self._masking.text(event.text)
            self._log.write(event)


@contextlib.contextmanager
def reports_into(log: EventLog, path: Path) -> Iterator[None]:
    """While this lasts, what `gpurun_jupyter.report` writes to the FIFO becomes events; malformed lines are dropped."""
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # for writing too: never an end of file
    begun = bytearray()
    loop = asyncio.get_running_loop()
    loop.add_reader(fd, _take_reports, fd, begun, log)
    try:
        yield
        while _take_reports(fd, begun, log):  # what was reported last is in the pipe still
            pass
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def _take_reports(fd: int, begun: bytearray, log: EventLog) -> bool:
    """Pass on what has come; False where that was all."""
    try:
        data = os.read(fd, _READ_BYTES)
    except BlockingIOError:
        return False
    *lines, rest = (begun + data).split(b"\n")
    begun[:] = rest[:_LONGEST_REPORT_BYTES]
    for line in lines:
        event = event_on(bytes(line))
        if isinstance(event, _REPORTED):
            log.write(event)
    return len(data) == _READ_BYTES
