"""Fields of Protocol Buffers (protobuf.dev/programming-guides/encoding), of which few are wanted."""

from __future__ import annotations

from collections.abc import Iterator

from gpurun_jupyter.progress.readers.files.found import Damaged

#: How a field is written, the last bits of its key.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIZES = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT, _ONE_BYTE, _ENDLESS = 10, 0x7F, 1 << 62
_SIGN = 1 << 63


def fields(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each field's key, and where its value begins and ends; in place of the beginning, the value of a varint.

    A key is the field's number, shifted by three, and how it is written. Raises Damaged.
    """
    while begin < end:
        key = data[begin]
        begin += 1
        if key > _ONE_BYTE:
            key, begin = varint(data, begin - 1, end)
        kind = key & 7
        if kind == BYTES and begin < end and data[begin] <= _ONE_BYTE:  # nearly all are short
            size = data[begin]
            begin += 1
        elif kind == VARINT:
            value, begin = varint(data, begin, end)
            yield key, value, begin
            continue
        else:
            size, begin = varint(data, begin, end) if kind == BYTES else (_SIZES.get(kind, _ENDLESS), begin)
        if begin + size > end:
            raise Damaged
        yield key, begin, begin + size
        begin += size


def varint(data: bytes, begin: int, end: int) -> tuple[int, int]:
    """The number that begins here, and where it has ended. Raises Damaged."""
    if begin < end and data[begin] <= _ONE_BYTE:
        return data[begin], begin + 1
    value = 0
    for place in range(begin, min(end, begin + _LONGEST_VARINT)):
        value |= (data[place] & _ONE_BYTE) << 7 * (place - begin)
        if data[place] <= _ONE_BYTE:
            return value, place + 1
    raise Damaged


def signed(value: int) -> int:
    """A varint of the types int32 and int64."""
    return (value & (_SIGN - 1)) - (value & _SIGN)


def zigzag(value: int) -> int:
    """A varint of the types sint32 and sint64."""
    return (value >> 1) ^ -(value & 1)


def text(data: bytes, begin: int, end: int) -> str:
    """The text between; what is no UTF-8 is replaced."""
    return data[begin:end].decode("utf-8", "replace")
