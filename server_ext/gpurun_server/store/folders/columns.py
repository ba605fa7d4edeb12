"""What a run measured, in columns: the values of its metrics, and what it used of its devices and of memory.

The log is the truth; a file beside it keeps the columns, so that a million values are read in milliseconds. It is a row
of blocks, each made from a stretch of the log; what it lacks is taken from the log. It may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
import threading
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec

from gpurun_jupyter.core.events import BEGINNING, DeviceSample, Int, sound_part
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.numbers import Number, finite
from gpurun_jupyter.core.system.records import UNREADABLE, open_plain, size_of
from gpurun_server.store.folders.logs import read_lines

FORMAT_VERSION = 2

_CHUNK_BYTES = 2**20
_LONG_LOG_BYTES = 2**18
_MOST_BLOCKS = 64  # a log that is asked for while it grows adds one each time; of so many one is made
_COLUMNS_BYTES = 8  # for each byte of the log at most
_LENGTH = struct.Struct("<Q")
_METRIC, _SAMPLE = b'{"kind":"metric"', b'{"kind":"sample"'


class _Metric(msgspec.Struct):
    """Of an event of that kind, what is kept here; the decoder skips the rest."""

    values: dict[str, Number]
    t: float = 0.0
    m: float = 0.0
    step: float | None = None
    anew: list[str] = []


class _Sample(msgspec.Struct):
    t: float = 0.0
    m: float = 0.0
    devices: list[DeviceSample] = []
    rss: Int = 0


_metric = msgspec.json.Decoder(_Metric)
_sample = msgspec.json.Decoder(_Sample)


def _column() -> array[float]:
    return array("d")


@dataclass
class Columns:
    """Values in the order in which they came, each with its step, its epoch (NaN where none was said) and its time.

    The time is in seconds since the attempt began, `at` is when that was: clients that log may name any moment.
    """

    step: array[float] = field(default_factory=_column)
    time: array[float] = field(default_factory=_column)
    epoch: array[float] = field(default_factory=_column)
    value: array[float] = field(default_factory=_column)
    at: array[float] = field(default_factory=_column)

    def add(self, at: float, time: float, value: float, step: float | None = None, epoch: float | None = None) -> None:
        """One more value."""
        self.at.append(at)
        self.step.append(math.nan if step is None else step)
        self.time.append(time)
        self.epoch.append(math.nan if epoch is None else epoch)
        self.value.append(value)

    def take(self, packed: Sequence[bytes]) -> None:
        """Add the values of a block."""
        for column, data in zip(self._columns, packed, strict=True):
            column.frombytes(data)

    def packed(self) -> list[bytes]:
        """The columns as a block has them."""
        return [column.tobytes() for column in self._columns]

    @property
    def _columns(self) -> tuple[array[float], ...]:
        return self.step, self.time, self.epoch, self.value, self.at


class _Block(msgspec.Struct, array_like=True):
    """The columns of a stretch of the log, from byte `begin` to byte `end`."""

    v: int
    begin: int
    end: int
    metrics: dict[str, list[bytes]]
    samples: dict[str, list[bytes]]
    anew: list[str] = []  # metrics of which nothing before it counts


_blocks = msgspec.msgpack.Decoder(_Block)


@dataclass
class Measured:
    """Everything that an attempt measured up to byte `end` of its log.

    `samples` are named by what and whose: `util gpu0` (percent), `mem gpu0` (bytes), `rss` (bytes of all processes).
    """

    metrics: dict[str, Columns] = field(default_factory=dict)
    samples: dict[str, Columns] = field(default_factory=dict)
    end: int = 0
    anew: list[str] = field(default_factory=list)  # metrics that began anew in what was taken by lines

    def take_line(self, line: bytes) -> None:
        """Take a line of the log."""
        if line.startswith(_METRIC):
            metric = _metric.decode(line)
            epoch = finite(metric.values.get("epoch"))
            for name in metric.anew:
                self.metrics.pop(name, None)
                self.anew.append(name)
            for name, value in metric.values.items():
                _of(self.metrics, name).add(metric.t, metric.m, float(value), metric.step, epoch)
        elif line.startswith(_SAMPLE):
            sample = _sample.decode(line)
            for name, value in _used(sample):
                _of(self.samples, name).add(sample.t, sample.m, value)

    def take_block(self, block: _Block) -> None:
        """Take what was measured after it."""
        for name in block.anew:
            self.metrics.pop(name, None)
        for kept, packed in ((self.metrics, block.metrics), (self.samples, block.samples)):
            for name, columns in packed.items():
                _of(kept, name).take(columns)
        self.end = block.end

    def block(self, begin: int) -> _Block:
        """This as a block of the file; `begin` is where its stretch of the log does."""
        metrics, samples = ({name: one.packed() for name, one in kept.items()} for kept in (self.metrics, self.samples))
        return _Block(FORMAT_VERSION, begin, self.end, metrics, samples, self.anew)


def measured(folder: AttemptFolder) -> Measured:
    """What an attempt has measured until now. Reads, the first time, its whole log: for a thread."""
    found, blocks, sound = _kept(folder)
    fresh = _logged(folder.events, found.end)
    if fresh.end > found.end:
        # also where nothing was measured: that stretch is not read again
        block = fresh.block(found.end)
        found.take_block(block)
        with contextlib.suppress(OSError):  # a full disk: the log is read again next time
            if sound and blocks < _MOST_BLOCKS:
                _append(folder.columns, block)
            else:
                _write(folder.columns, found.block(0))
    return found


def put_in_columns(folder: AttemptFolder) -> None:
    """Do so now if the log is long and takes a while to be read: who compares runs later shall not wait for it."""
    with contextlib.suppress(FileNotFoundError):  # one that found its devices taken left none
        if size_of(folder.events) > _LONG_LOG_BYTES:
            measured(folder)


def thinned(values: array[float], most: int | None) -> Sequence[int]:
    """The places of at most so many values: the first, the last, the lowest and the highest of each stretch between.

    Where values are not finite, also the first such of each stretch: a chart marks where that began.
    """
    count = len(values)
    if most is None or count <= most:
        return range(count)
    telling = _extremes if all_finite(values) else _extremes_and_break
    stretches, chosen = max(0, most - 2) // (2 if telling is _extremes else 3), [0]
    for number in range(stretches):
        begin, end = (1 + place * (count - 2) // stretches for place in (number, number + 1))
        chosen += sorted({begin + place for place in telling(values[begin:end])})
    return [*chosen, count - 1]


def all_finite(values: Sequence[float]) -> bool:
    """Whether no value is NaN or infinite, which a sum tells faster than a look at each, but for huge values."""
    return math.isfinite(sum(values)) or all(map(math.isfinite, values))


def _extremes(part: array[float]) -> list[int]:
    return [part.index(min(part)), part.index(max(part))]


def _extremes_and_break(part: array[float]) -> list[int]:
    finite_ones = [value for value in part if math.isfinite(value)]
    found = [part.index(min(finite_ones)), part.index(max(finite_ones))] if finite_ones else []
    breaks = (place for place, value in enumerate(part) if not math.isfinite(value))
    return [*found, *islice(breaks, 1)]


def _of(kept: dict[str, Columns], name: str) -> Columns:
    """Those of this name. (`setdefault` would make four arrays for each value of a million.)"""
    columns = kept.get(name)
    if columns is None:
        columns = kept[name] = Columns()
    return columns


def _used(sample: _Sample) -> Iterator[tuple[str, float]]:
    for device in sample.devices:
        for what, value in (("util", device.util), ("mem", device.mem)):
            if value is not None:
                yield f"{what} {device.label or device.id}", value
    if sample.rss:
        yield "rss", sample.rss


def _kept(folder: AttemptFolder) -> tuple[Measured, int, bool]:
    """What the file has, in how many blocks, and whether it may be added to."""
    found, count = Measured(), 0
    try:
        log_bytes, data = size_of(folder.events), _columns_bytes(folder)
        for block in _blocks_in(data):
            if block.begin == found.end:  # another server may have written the same
                found.take_block(block)
            count += 1
        sound = found.end <= log_bytes  # else it is of a log that was there before
    except FileNotFoundError:
        # what is there and no plain file is replaced, not added to
        return Measured(), 0, not os.path.lexists(folder.columns)
    except (*UNREADABLE, ValueError):
        sound = False
    return (found, count, True) if sound else (Measured(), 0, False)


def _columns_bytes(folder: AttemptFolder) -> bytes:
    """Raises FileNotFoundError, and ValueError where there is more than a log of this length can have said."""
    with open_plain(folder.columns) as file:
        if size_of(folder.columns) > _COLUMNS_BYTES * size_of(folder.events) + _LONG_LOG_BYTES:
            raise ValueError
        return file.read()


def _blocks_in(data: bytes) -> Iterator[_Block]:
    """Raises ValueError or msgspec.DecodeError for what an interrupted write left."""
    place = 0
    while place < len(data):
        if place + _LENGTH.size > len(data):
            raise ValueError
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size + length
        block = _blocks.decode(memoryview(data)[place - length : place])
        if block.v != FORMAT_VERSION:
            raise ValueError
        yield block


def _logged(log: Path, begin: int) -> Measured:
    found = Measured(end=begin)
    while True:
        lines, end = read_lines(log, found.end, _CHUNK_BYTES)
        if end == found.end:
            return found
        found.end = end
        for line in lines:
            try:
                found.take_line(line if line.startswith(BEGINNING) else sound_part(line) or b"")
            except UNREADABLE:
                found.take_line(sound_part(line) or b"")


def _framed(block: _Block) -> bytes:
    data = msgspec.msgpack.encode(block)
    return _LENGTH.pack(len(data)) + data


def _append(path: Path, block: _Block) -> None:
    path.touch(mode=0o600)
    with path.open("ab", buffering=0) as file:
        # at one stroke: what another server writes comes before or behind it
        file.write(_framed(block))


def _write(path: Path, block: _Block) -> None:
    # of this thread alone: others may be about to write the same
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    beside.touch(mode=0o600)
    beside.write_bytes(_framed(block))
    beside.replace(path)
