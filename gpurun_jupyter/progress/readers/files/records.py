"""Records of a file of events: their lengths with checksums (tensorflow.org/tutorials/load_data/tfrecord)."""

from __future__ import annotations

from functools import cache

from gpurun_jupyter.progress.readers.files.found import Damaged

#: A length of eight bytes and its checksum; behind the record stands the checksum of that, which nobody looks at.
HEADER_BYTES, FOOTER_BYTES = 12, 4
#: What Protocol Buffers can be at most.
_LONGEST = 1 << 31
_MOST_REMEMBERED = 5000
_CASTAGNOLI, _MASK = 0x82F63B78, 0xA282EAD8
_BITS = 0xFFFFFFFF


class Lengths(dict[bytes, int]):
    """How long a record with this header is. The same ones come again and again, so that their checksums are known."""

    def __missing__(self, header: bytes) -> int:
        """Find out. Raises Damaged."""
        length = int.from_bytes(header[:8], "little")
        if length > _LONGEST or masked_crc(header[:8]) != int.from_bytes(header[8:], "little"):
            raise Damaged
        if len(self) < _MOST_REMEMBERED:
            self[header] = length
        return length


def masked_crc(data: bytes) -> int:
    """The checksum of records: CRC-32C, turned and moved."""
    crc, table = _BITS, _table()
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= _BITS
    return ((crc >> 15 | crc << 17) + _MASK) & _BITS


@cache
def _table() -> list[int]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (_CASTAGNOLI if crc & 1 else 0)  # noqa: PLW2901 - the division goes on with it
        table.append(crc)
    return table
