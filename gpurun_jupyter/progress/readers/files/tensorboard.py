"""Event files, as TensorBoard reads them: by torch, TensorFlow, Keras, Lightning, tensorboardX.

Nearly all events of a training log one number, and differ from others of their tag in the time, the step and that
number. Such an event is decoded once: what stands around its number is its frame, by which the next one is known.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import ClassVar, NamedTuple

from gpurun_jupyter.progress.readers.files import wire
from gpurun_jupyter.progress.readers.files.found import UNREADABLE, Found, Parameters, Points, Reader
from gpurun_jupyter.progress.readers.files.records import FOOTER_BYTES, HEADER_BYTES, Lengths
from gpurun_jupyter.progress.readers.files.summaries import Event, Summaries

#: A longer record is passed over without being held: images, graphs, meshes.
_LONGEST_BYTES = 4 << 20
#: Frames are few and small, else they are not remembered.
_MOST_FRAMES, _LARGEST_FRAME_BYTES = 10_000, 500
#: How an event begins that has a frame: a time of eight bytes, a step; and how far the tag is behind them.
_TIME, _STEP, _TIME_BYTES, _TO_TAG = 0x09, 0x10, 9, 6
#: Shorter events log nothing, and larger steps have no frame.
_SHORTEST_BYTES, _MOST_STEP_BITS = 22, 28


_unpack_time = struct.Struct("<d").unpack_from


class _Frame(NamedTuple):
    """What stands around a number in an event: `size` bytes behind the step, the number `at` the so-manyth of them."""

    tag: str
    size: int
    at: int
    before: bytes
    after: bytes
    unpack: Callable[[bytes, int], tuple[float]]


class _Row:
    """Values of one step, as long as they come in a row."""

    def __init__(self, found: list[Found]) -> None:
        self._found = found
        self.step = 0
        self.values: dict[str, float] = {}
        self._time: float | None = None

    def close(self) -> None:
        """Tell what there is."""
        if self.values:
            self._found.append(Points(self.values, float(self.step), time=self._time))

    def begin(self, step: int, data: bytes, event: int) -> dict[str, float]:
        """Another one, with the time of its first event, if that begins with it."""
        self.close()
        self.step, self.values = step, {}
        self._time = _unpack_time(data, event + 1)[0] if data[event] == _TIME else None
        return self.values


class TensorBoard(Reader):
    """Reads one event file."""

    by: ClassVar[str] = "files/tensorboard"

    def __init__(self) -> None:
        super().__init__()
        self._lengths = Lengths()
        self.again()

    def again(self) -> None:
        """Begin with a file's first record."""
        self.broken = False
        self._summaries = Summaries()
        self._frames: dict[bytes, _Frame] = {}
        self._held = bytearray()
        self._needed = HEADER_BYTES
        self._passing = 0

    def _take(self, data: bytes, found: list[Found]) -> None:
        passed = min(self._passing, len(data))
        self._passing -= passed
        self._held += memoryview(data)[passed:]
        if len(self._held) < self._needed:
            return
        row = _Row(found)
        try:
            read = self._read_records(bytes(self._held), row, found)
        except UNREADABLE:
            self._held.clear()
            raise
        finally:
            row.close()
        self._passing = max(0, read - len(self._held))
        del self._held[:read]

    def _read_records(self, data: bytes, row: _Row, found: list[Found]) -> int:
        """Read every whole record; where the next begins. It has no calls for events with a frame, since each costs."""
        begin, size = HEADER_BYTES, len(data)
        lengths, frames = self._lengths, self._frames
        values = row.values
        while begin <= size:
            length = lengths[data[begin - HEADER_BYTES : begin]]
            end = begin + length
            if end + FOOTER_BYTES > size:
                return self._wait(begin, length)
            if length >= _SHORTEST_BYTES:
                place, step = begin + _TIME_BYTES, 0
                if data[place] == _STEP:
                    step, shift, place = data[place + 1], 7, place + 2
                    while step >> shift and shift < _MOST_STEP_BITS:  # the bit beyond says that another byte follows
                        step += (data[place] - 1) << shift
                        shift += 7
                        place += 1
                frame = frames.get(data[place : place + _TO_TAG + data[place + _TO_TAG - 1]])
                if (
                    frame
                    and end - place == frame.size
                    and data[begin] == _TIME
                    and not step >> _MOST_STEP_BITS
                    and data.startswith(frame.before, place)
                    and data.startswith(frame.after, end - len(frame.after))
                ):
                    tag = frame.tag
                    if step != row.step or tag in values or not values:
                        values = row.begin(step, data, begin)
                    values[tag] = frame.unpack(data, place + frame.at)[0]
                    begin = end + FOOTER_BYTES + HEADER_BYTES
                    continue
            self._read_event(data, begin, end, row, found)
            values = row.values
            begin = end + FOOTER_BYTES + HEADER_BYTES
        self._needed = HEADER_BYTES
        return begin - HEADER_BYTES

    def _wait(self, begin: int, length: int) -> int:
        """Have the record wait that is not whole yet, or pass over it; where what is held begins."""
        if length > _LONGEST_BYTES:
            self._needed = HEADER_BYTES
            return begin + length + FOOTER_BYTES
        self._needed = HEADER_BYTES + length + FOOTER_BYTES
        return begin - HEADER_BYTES

    def _read_event(self, data: bytes, begin: int, end: int, row: _Row, found: list[Found]) -> None:
        try:
            event = self._summaries.read(data, begin, end)
        except UNREADABLE:
            return
        if event.parameters:
            found.append(Parameters(event.parameters))
        for tag, number in event.scalars:
            if event.step != row.step or tag in row.values or not row.values:
                row.begin(event.step, data, begin)
            row.values[tag] = number.value
        if len(event.scalars) == 1 and len(self._frames) < _MOST_FRAMES:
            self._remember(data, begin, end, event)

    def _remember(self, data: bytes, begin: int, end: int, event: Event) -> None:
        """Keep the frame of an event, if it begins as one does that has a frame."""
        tag, number = event.scalars[0]
        place = begin + _TIME_BYTES
        if data[begin] != _TIME or not number.layout or end - begin > _LARGEST_FRAME_BYTES:
            return
        if data[place] == _STEP:
            place = wire.varint(data, place + 1, end)[1]
        width = struct.calcsize(number.layout)
        key = data[place : place + _TO_TAG + data[place + _TO_TAG - 1]]
        if key[_TO_TAG:] != tag.encode() or event.step >> _MOST_STEP_BITS:
            return
        before, after = data[place : number.begin], data[number.begin + width : end]
        unpack = struct.Struct(number.layout).unpack_from
        self._frames[key] = _Frame(tag, end - place, number.begin - place, before, after, unpack)
