"""A number in the form of a tensor (TensorProto of TensorFlow's tensor.proto)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from gpurun_jupyter.progress.readers.files import wire

_DTYPE, _SHAPE, _CONTENT, _FLOATS, _DOUBLES, _INTS, _INT64S = 0x08, 0x12, 0x22, 0x2A, 0x32, 0x3A, 0x52
_HALVES, _UINT32S, _UINT64S = 0x6A, 0x82, 0x8A
#: The same where a field is written once for each number, and not packed into bytes.
_SINGLE = {key & ~7 | kind: key for key, kind in ((_FLOATS, wire.FIXED32), (_DOUBLES, wire.FIXED64))} | {
    key & ~7: key for key in (_INTS, _INT64S, _HALVES, _UINT32S, _UINT64S)
}
_DIMENSION = 0x12
_HALF, _BFLOAT16 = 19, 14
#: By the numbers of types.proto, how one of them is laid out; bool, complex, quantised numbers and texts are none.
_LAYOUTS = {1: "<f", 2: "<d", 3: "<i", 4: "<B", 5: "<h", 6: "<b", 9: "<q", 17: "<H", _HALF: "<e", 22: "<I", 23: "<Q"}
_LAYOUTS[_BFLOAT16] = "<H"


class Number(NamedTuple):
    """A number; if it always takes as many bytes, where they begin and how they are laid out."""

    value: float
    begin: int = -1
    layout: str = ""


def number(data: bytes, begin: int, end: int) -> Number | None:
    """The number that this tensor is; None if it is none, but a vector or of texts. Raises what is UNREADABLE."""
    dtype, at, to, key = 0, 0, 0, 0
    for field, first, last in wire.fields(data, begin, end):
        if field == _DTYPE:
            dtype = first
        elif field == _SHAPE and _has_dimensions(data, first, last):
            return None
        elif field in _READ or field in _SINGLE:
            key, at, to = field, first, last
    layout = _LAYOUTS.get(dtype)
    if layout is None or not key:
        return None if layout is None else Number(0.0)  # proto3 does not write what is zero
    if key in _SINGLE:
        return _alone(data, at, to, _SINGLE[key], dtype)
    return _READ[key](data, at, to, dtype)


def _has_dimensions(data: bytes, begin: int, end: int) -> bool:
    return any(field == _DIMENSION for field, _, _ in wire.fields(data, begin, end))


def _fixed(data: bytes, begin: int, end: int, layout: str) -> Number | None:
    if end - begin != struct.calcsize(layout):
        return None
    value = struct.unpack_from(layout, data, begin)[0]
    return Number(value, begin, layout) if isinstance(value, float) else Number(float(value))


def _of_content(data: bytes, begin: int, end: int, dtype: int) -> Number | None:
    found = _fixed(data, begin, end, _LAYOUTS[dtype])
    return Number(_bfloat16(int(found.value))) if found and dtype == _BFLOAT16 else found


def _of_varint(data: bytes, begin: int, end: int, dtype: int) -> Number | None:
    value, behind = wire.varint(data, begin, end)
    return Number(_as(value, dtype)) if behind == end else None


def _alone(data: bytes, at: int, to: int, key: int, dtype: int) -> Number | None:
    if key in (_FLOATS, _DOUBLES):
        return _fixed(data, at, to, "<f" if key == _FLOATS else "<d")
    return Number(_as(at, dtype))


def _as(value: int, dtype: int) -> float:
    if dtype == _HALF:
        return float(struct.unpack("<e", struct.pack("<H", value & 0xFFFF))[0])
    if dtype == _BFLOAT16:
        return _bfloat16(value)
    return float(value if dtype in (22, 23) else wire.signed(value))


def _bfloat16(bits: int) -> float:
    return float(struct.unpack("<f", struct.pack("<I", (bits & 0xFFFF) << 16))[0])


_READ: dict[int, Callable[[bytes, int, int, int], Number | None]] = {
    _CONTENT: _of_content,
    _FLOATS: lambda data, begin, end, _: _fixed(data, begin, end, "<f"),
    _DOUBLES: lambda data, begin, end, _: _fixed(data, begin, end, "<d"),
    **dict.fromkeys((_INTS, _INT64S, _HALVES, _UINT32S, _UINT64S), _of_varint),
}
