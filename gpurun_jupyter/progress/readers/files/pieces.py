"""What comes in pieces, put together: lines of text."""

from __future__ import annotations

#: A longer line is passed over.
MAX_LINE_BYTES = 1 << 20


class Lines:
    """Lines of a file that grows; the last one waits for its newline."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._is_too_long = False

    def of(self, data: bytes) -> list[bytes]:
        """The lines that this piece completes, without their newlines."""
        first, newline, rest = data.partition(b"\n")
        if not newline:
            self._hold(first)
            return []
        lines = rest.split(b"\n")
        self._hold(first)
        lines.insert(0, b"" if self._is_too_long else bytes(self._held))
        self._held.clear()
        self._is_too_long = False
        self._hold(lines.pop())
        return [line for line in lines if 0 < len(line) <= MAX_LINE_BYTES]

    def last(self) -> list[bytes]:
        """The line that got no newline, if there is one."""
        line, self._held = bytes(self._held), bytearray()
        return [line] if line else []

    def _hold(self, data: bytes) -> None:
        if self._is_too_long or len(self._held) + len(data) > MAX_LINE_BYTES:
            self._is_too_long = True
            self._held.clear()
        else:
            self._held += data
