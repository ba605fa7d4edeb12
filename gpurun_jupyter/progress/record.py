"""All that the decoder makes of recorded terminal output, in one record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gpurun_jupyter.core.events import Event, Meta, Metric, Output, Progress
from gpurun_jupyter.core.numbers import Number
from gpurun_jupyter.core.runs import Bar, RunProgress
from gpurun_jupyter.progress.bars.overall import with_bar
from gpurun_jupyter.progress.decoder import QUIET_S, Decoder
from gpurun_jupyter.progress.recordings import Piece
from gpurun_jupyter.progress.sources import Sources


@dataclass
class Record:
    """The run's progress, each bar as last seen, the last value of each metric, facts, and the text that was kept.

    `by` says of each metric and bar which reader found it; `epoch` and `step` are the last that the run
    spoke of.
    """

    progress: RunProgress = field(default_factory=RunProgress)
    bars: dict[str, Bar] = field(default_factory=dict)
    metrics: dict[str, Number] = field(default_factory=dict)
    by: dict[str, str] = field(default_factory=dict)
    epoch: int | None = None
    step: float | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """One event more."""
        if isinstance(event, Output):
            self.text.append(event.text)
        elif isinstance(event, Metric):
            for name in event.anew:
                self.metrics.pop(name, None)
                self.by.pop(name, None)
            self.metrics.update(event.values)
            self.by.update(dict.fromkeys(event.values, event.by))
            self.step = self.step if event.step is None else event.step
        elif isinstance(event, Meta):
            self.meta.update(event.values)
        elif isinstance(event, Progress):
            self.progress = with_bar(self.progress, event)
            self.by[event.id] = event.by
            self.step = event.done if event.by.startswith("lines/") else self.step
            self.bars[event.id] = next(bar for bar in self.progress.bars if bar.id == event.id)


def decode(pieces: Iterable[Piece]) -> Record:
    """Everything at once."""
    record = Record()
    sources, decoder = Sources(), Decoder()
    for event in events(pieces, decoder):
        if (believed := sources.admit(event)) is not None:
            record.take(believed)
    record.epoch = decoder.epoch
    return record


def events(pieces: Iterable[Piece], decoder: Decoder | None = None) -> Iterator[Event]:
    """What the decoder says of a recording, piece by piece; `m` is the recording's clock, where it has one."""
    decoder, before = decoder or Decoder(), 0.0
    for at, text in pieces:
        now = before if at is None else at
        if now - before > QUIET_S:
            yield from _stamped(decoder.idle(), before + QUIET_S)
        yield from _stamped(decoder.feed(text, "stdout"), now)  # a terminal has one stream
        before = now
    yield from _stamped(decoder.flush(), before)


def _stamped(found: Iterable[Event], m: float) -> Iterator[Event]:
    for event in found:
        event.m = m
        yield event
