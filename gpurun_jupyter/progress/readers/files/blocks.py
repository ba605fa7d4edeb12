"""Records in blocks of 32 KiB, as LevelDB keeps its logs (its doc/log_format.md), with W&B's checksums."""

from __future__ import annotations

import zlib

from gpurun_jupyter.progress.readers.files.found import Damaged

_BLOCK_BYTES = 1 << 15
#: A part of a record has a checksum, its length and whether it is the whole, the first, a middle or the last one.
_HEADER_BYTES = 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_LONGEST_BYTES = 32 << 20
#: What a file begins with: its name, a number that says whose it is, and its version.
_BEGINNING = b":W&B\xe1\xbe\x00"


class Blocks:
    """The records of a file that grows. Where bytes are damaged, all up to the next block is passed over."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._place = 0  # in the file, of what is held
        self._passing = 0  # so much of what comes is of a damaged block
        self._record = bytearray()
        self._is_open = False  # a record has begun

    def of(self, data: bytes) -> list[bytes]:
        """The records that this piece completes. Raises Damaged if the file is no log of W&B's."""
        passed = min(self._passing, len(data))
        self._passing -= passed
        self._held += memoryview(data)[passed:]
        records: list[bytes] = []
        begin = 0
        if self._place == 0:
            if not _BEGINNING.startswith(self._held[:_HEADER_BYTES]):
                raise Damaged
            begin = _HEADER_BYTES if len(self._held) >= _HEADER_BYTES else 0
        while (end := self._part_end(begin)) <= len(self._held) and end > begin:
            if end - begin >= _HEADER_BYTES:
                end = self._read_part(begin, end, records)
            begin = end
        self._place += begin
        self._passing = max(self._passing, begin - len(self._held))
        del self._held[:begin]
        return records

    def _part_end(self, begin: int) -> int:
        """Where the part ends that begins here, or what is left of the block, too little for one."""
        left = _BLOCK_BYTES - (self._place + begin) % _BLOCK_BYTES
        if left < _HEADER_BYTES:
            return begin + left
        if len(self._held) < begin + _HEADER_BYTES:
            return len(self._held) + 1
        length = self._held[begin + 4] | self._held[begin + 5] << 8
        return begin + min(left, _HEADER_BYTES + length)

    def _read_part(self, begin: int, end: int, records: list[bytes]) -> int:
        """Read a part; where the next one begins."""
        kind = self._held[begin + 6]
        crc = int.from_bytes(self._held[begin : begin + 4], "little")
        with memoryview(self._held) as held:
            is_good = _FULL <= kind <= _LAST and zlib.crc32(held[begin + 6 : end]) == crc
            if is_good:
                self._add(kind, held[begin + _HEADER_BYTES : end], records)
        if is_good:
            return end
        self._drop()
        return begin + _BLOCK_BYTES - (self._place + begin) % _BLOCK_BYTES

    def _add(self, kind: int, part: memoryview, records: list[bytes]) -> None:
        if kind in (_FULL, _FIRST):
            self._drop()
            self._is_open = True
        if self._is_open and len(self._record) + len(part) <= _LONGEST_BYTES:
            self._record += part
        else:
            self._drop()
        if kind in (_FULL, _LAST) and self._is_open:
            records.append(bytes(self._record))
            self._drop()

    def _drop(self) -> None:
        self._record.clear()
        self._is_open = False
