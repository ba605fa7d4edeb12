"""Events of TensorBoard (its event.proto and summary.proto): the scalars in them, and hyperparameters."""

from __future__ import annotations

import struct
from typing import NamedTuple

from gpurun_jupyter.progress.readers.files import tensors, wire
from gpurun_jupyter.progress.readers.files.found import UNREADABLE, Value
from gpurun_jupyter.progress.readers.files.tensors import Number

_EVENT_STEP, _EVENT_SUMMARY, _SUMMARY_VALUE = 0x10, 0x2A, 0x0A
_TAG, _SIMPLE_VALUE, _TENSOR, _METADATA = 0x0A, 0x15, 0x42, 0x4A
_PLUGIN_DATA, _PLUGIN_NAME, _PLUGIN_CONTENT = 0x0A, 0x0A, 0x12
_SESSION_START, _HPARAMS, _KEY, _VALUE = 0x1A, 0x0A, 0x0A, 0x12
_NUMBER, _TEXT, _BOOL = 0x11, 0x1A, 0x20
_HPARAMS_TAG = "_hparams_/session_start_info"
_LONGEST_TAG_BYTES = 1000
#: So many tags are remembered that are something else than scalars.
_MOST_OTHERS = 10_000

_Span = tuple[int, int]


class Event(NamedTuple):
    """What an event logs; where a number begins is a place in the bytes that were read."""

    step: int
    scalars: list[tuple[str, Number]]
    parameters: dict[str, Value]


class Summaries:
    """Reads the events of one file. That a tag is of another plugin than scalars may stand in its first event only."""

    def __init__(self) -> None:
        self._others: set[str] = set()

    def read(self, data: bytes, begin: int, end: int) -> Event:
        """What the event between the two places logs. Raises Damaged."""
        event = Event(0, [], {})
        for key, first, last in wire.fields(data, begin, end):
            if key == _EVENT_STEP:
                event = event._replace(step=wire.signed(first))
            elif key == _EVENT_SUMMARY:
                for inner, at, to in wire.fields(data, first, last):
                    if inner == _SUMMARY_VALUE:
                        self._read_value(data, at, to, event)
        return event

    def _read_value(self, data: bytes, begin: int, end: int, event: Event) -> None:
        """Take one value of a summary. What cannot be read is passed over."""
        try:
            parts = {key: (first, last) for key, first, last in wire.fields(data, begin, end)}
            tag = wire.text(data, *parts.get(_TAG, (0, 0)))
            if _METADATA in parts and not self._is_scalar(data, parts[_METADATA], tag, event):
                return
            number = None if not tag or tag in self._others else _number(data, parts)
        except UNREADABLE:
            return
        if number is not None and len(tag) <= _LONGEST_TAG_BYTES:
            event.scalars.append((tag, number))

    def _is_scalar(self, data: bytes, metadata: _Span, tag: str, event: Event) -> bool:
        """Whether the plugin that metadata names has scalars; of hyperparameters they are all there is."""
        plugin = next((span for key, *span in wire.fields(data, *metadata) if key == _PLUGIN_DATA), None)
        if plugin is None:
            return True
        parts = {key: (first, last) for key, first, last in wire.fields(data, *plugin)}
        name = wire.text(data, *parts.get(_PLUGIN_NAME, (0, 0)))
        if name == "hparams" and tag == _HPARAMS_TAG and _PLUGIN_CONTENT in parts:
            event.parameters.update(_hyperparameters(data, *parts[_PLUGIN_CONTENT]))
        if name not in ("", "scalars") and len(self._others) < _MOST_OTHERS and len(tag) <= _LONGEST_TAG_BYTES:
            self._others.add(tag)
        return name in ("", "scalars")


def _number(data: bytes, parts: dict[int, _Span]) -> Number | None:
    if simple := parts.get(_SIMPLE_VALUE):
        return Number(struct.unpack_from("<f", data, simple[0])[0], simple[0], "<f")
    tensor = parts.get(_TENSOR)
    return tensors.number(data, *tensor) if tensor else None


def _hyperparameters(data: bytes, begin: int, end: int) -> dict[str, Value]:
    """Those of HParamsPluginData (plugin_data.proto of TensorBoard's hparams), a map of names and values."""
    found: dict[str, Value] = {}
    for session, *start in wire.fields(data, begin, end):
        entries = wire.fields(data, *start) if session == _SESSION_START else ()
        for entry in [span for key, *span in entries if key == _HPARAMS]:
            parts = {key: (first, last) for key, first, last in wire.fields(data, *entry)}
            value = _plain(data, *parts.get(_VALUE, (0, 0)))
            name = wire.text(data, *parts.get(_KEY, (0, 0)))
            if name and len(name) <= _LONGEST_TAG_BYTES and value is not None:
                found[name] = value
    return found


def _plain(data: bytes, begin: int, end: int) -> Value | None:
    """A google.protobuf.Value, if it is a number, a text or a bool."""
    for key, first, last in wire.fields(data, begin, end):
        if key == _NUMBER:
            return float(struct.unpack_from("<d", data, first)[0])
        if key in (_TEXT, _BOOL):
            return bool(first) if key == _BOOL else wire.text(data, first, last)
    return None
