"""Offline runs of Weights & Biases: the file `run-ID.wandb`, records of its wandb_internal.proto in blocks."""

from __future__ import annotations

import json
import struct
from typing import Any, ClassVar

from gpurun_jupyter.progress.readers.files import flat, wire
from gpurun_jupyter.progress.readers.files.blocks import Blocks
from gpurun_jupyter.progress.readers.files.found import UNREADABLE, Damaged, Found, Parameters, Points, Reader

_HISTORY, _CONFIG, _RUN, _RUN_CONFIG = 0x12, 0x2A, 0x8A, 0x22
_UPDATE, _ITEM, _STEP, _STEP_NUMBER = 0x0A, 0x0A, 0x12, 0x08
_KEY, _NESTED_KEY, _JSON = 0x0A, 0x12, 0x82
_INTEGER, _NUMBER = 0x28, 0x31
_TIMESTAMP = b"_timestamp"
#: W&B joins the names of what is nested with it.
_SEPARATOR = "."
#: An item of a short name has, around it, its key and length, and the key of its value.
_AROUND_NAME, _LONG, _MOST_NAMES = 4, 0x80, 10_000


class Wandb(Reader):
    """Reads one run's file."""

    by: ClassVar[str] = "files/wandb"

    def __init__(self) -> None:
        super().__init__()
        self._blocks = Blocks()
        self._names = _Names()

    def again(self) -> None:
        """Begin with the file's first block."""
        self.broken, self._blocks = False, Blocks()

    def _take(self, data: bytes, found: list[Found]) -> None:
        for record in self._blocks.of(data):
            try:
                self._read_record(record, found)
            except UNREADABLE:
                continue

    def _read_record(self, record: bytes, found: list[Found]) -> None:
        for key, begin, end in wire.fields(record, 0, len(record)):
            if key == _HISTORY:
                found += _row(record, begin, end, self._names)
            elif key == _CONFIG:
                found += _settings(record, begin, end)
            elif key == _RUN:
                for inner, first, last in wire.fields(record, begin, end):
                    found += _settings(record, first, last) if inner == _RUN_CONFIG else []


def _row(record: bytes, begin: int, end: int, names: _Names) -> list[Found]:
    """What was logged at one step."""
    step: float | None = None
    time: float | None = None
    values: dict[str, float] = {}
    for key, first, last in wire.fields(record, begin, end):
        if key == _ITEM:
            names.take(record, first, last, values)
            if _TIMESTAMP in record[first:last]:
                time = _number(_item(record, first, last)[1])
        elif key == _STEP:
            numbers = [number for field, number, _ in wire.fields(record, first, last) if field == _STEP_NUMBER]
            step = float(wire.signed(numbers[-1])) if numbers else 0.0
    return [Points(values, step, time=time)] if values else []


class _Names(dict[bytes, str]):
    """The names of logged values by the bytes before them, the same in each row; those of W&B's own are empty."""

    def take(self, record: bytes, begin: int, end: int, values: dict[str, float]) -> None:
        """Add the numbers of an item."""
        head = record[begin : begin + record[begin + 1] + _AROUND_NAME]
        name = self.get(head)
        at = begin + len(head) + 1
        if name is None or record[at - 1] != end - at:  # a longer value has a longer length
            name, value = _item(record, begin, end)
            if len(self) < _MOST_NAMES and head == _short_head(name):
                self[head] = _logged(name)
            name = _logged(name)
        else:
            value = record[at:end]
        if name:
            _add_numbers(name, value, values)


def _short_head(name: str) -> bytes:
    """How an item of this name begins, if it is not nested and short: the name, and the key of its value."""
    text = name.encode()
    return bytes((_NESTED_KEY, len(text))) + text + b"\x82\x01" if len(text) < _LONG else b""


def _item(record: bytes, begin: int, end: int) -> tuple[str, bytes]:
    """The name and the JSON of a logged value."""
    name, value = "", b""
    for key, first, last in wire.fields(record, begin, end):
        if key in (_NESTED_KEY, _KEY):
            name = f"{name}{_SEPARATOR}{_text(record, first, last)}" if name else _text(record, first, last)
        elif key == _JSON:
            value = record[first:last]
        elif key == _INTEGER:
            value = b"%d" % wire.zigzag(first)
        elif key == _NUMBER:
            value = repr(struct.unpack_from("<d", record, first)[0]).encode()
    return name, value


def _logged(name: str) -> str:
    """The name, if somebody logged it; W&B's own begin with `_`."""
    return "" if name.startswith("_") else name


def _add_numbers(name: str, value: bytes, values: dict[str, float]) -> None:
    try:
        values[name] = float(value)  # NaN and Infinity, too
    except ValueError:
        values |= flat.metrics({name: _from_json(value)}, _SEPARATOR)


def _settings(record: bytes, begin: int, end: int) -> list[Found]:
    """Hyperparameters."""
    tree: dict[str, Any] = {}
    for key, first, last in wire.fields(record, begin, end):
        if key == _UPDATE:
            parts = list(wire.fields(record, first, last))
            names = [_text(record, at, to) for field, at, to in parts if field in (_KEY, _NESTED_KEY)]
            values = [record[at:to] for field, at, to in parts if field == _JSON]
            tree[_SEPARATOR.join(names)] = _from_json(values[-1]) if values else None
    values_of = flat.parameters(tree, _SEPARATOR)
    return [Parameters(values_of)] if values_of else []


def _number(value: bytes) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _from_json(value: bytes) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _text(record: bytes, begin: int, end: int) -> str:
    if end - begin > flat.LONGEST_NAME:
        raise Damaged
    return wire.text(record, begin, end)
