"""The end of what a run printed: kept short while it grows, and readable where no terminal draws it."""

from __future__ import annotations

import re

TAIL_BYTES = 32 * 1024
TAIL_LINES = 300
# An OSC sequence may have lost its end where a text was cut off.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_BACKSPACE = re.compile(r"[^\x08]\x08")


class Tail:
    """The last lines of a growing text, as a terminal would get them."""

    def __init__(self, lines: int = TAIL_LINES, size_bytes: int = TAIL_BYTES) -> None:
        self._lines = lines
        self._size_bytes = size_bytes
        self._text = ""
        self._newlines = 0

    def add(self, text: str) -> None:
        """Append what was printed next."""
        self._newlines += text.count("\n")
        self._text += text
        # Not at each piece: a cut looks through all that is kept.
        if len(self._text) > 2 * self._size_bytes or text.count("\n") > self._lines:
            self._text = self._cut()

    @property
    def text(self) -> str:
        """The last lines, with colours and redraws."""
        self._text = self._cut()
        return self._text

    @property
    def total_lines(self) -> int:
        """How many lines were printed in all; a begun one counts."""
        return self._newlines + (1 if self._text and not self._text.endswith("\n") else 0)

    def _cut(self) -> str:
        kept = _last_lines(self._text, self._lines)
        encoded = kept.encode("utf-8", "replace")  # half of a surrogate pair has no bytes
        if len(encoded) <= self._size_bytes:
            return kept
        short = encoded[-self._size_bytes :].decode("utf-8", "ignore")  # the cut may be within a letter
        begun, newline, whole = short.partition("\n")
        return whole if newline and whole else begun.rpartition("\r")[2]  # one long line: its last redraw


def plain(text: str) -> str:
    """The text without colours, and each line as it looked after its last redraw."""
    text = _ANSI.sub("", text)
    if "\r" not in text and "\b" not in text:
        return text
    return "\n".join(_redrawn(line) for line in text.split("\n"))


def last_redraw(line: str) -> str:
    """The newest of a line's redraws, colours kept."""
    return next((part for part in reversed(line.split("\r")) if part), "")


def _last_lines(text: str, count: int) -> str:
    start = len(text) - text.endswith("\n")
    for _ in range(count):
        start = text.rfind("\n", 0, start)
        if start == -1:
            return text
    return text[start + 1 :]


def _redrawn(line: str) -> str:
    shown = ""
    for part in line.split("\r"):
        while (shorter := _BACKSPACE.sub("", part)) != part:
            part = shorter  # noqa: PLW2901 - until nothing is left to take back
        part = part.replace("\b", "")  # noqa: PLW2901
        shown = part + shown[len(part) :]
    return shown
