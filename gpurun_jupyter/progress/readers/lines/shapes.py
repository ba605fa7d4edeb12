"""The shape of a line: its text with every number taken out, which is the same for all lines that one `print` writes.

Formats read shapes, not lines: what a shape means is found out once, and then only its numbers are filled in.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: Stands for a number in a shape. Lines that have it themselves are passed over.
NUMBER = "\0"

#: A number and not a part of a word: not the 1 of `acc1` or of `Acc@1`, but the 3 of 第3轮. A comma may part thousands,
#: or be the decimal point of half of Europe; an address or a version is one piece, which is no number. It begins with a
#: set of characters rather than with a look behind, by which it is found three times as fast where there is none.
_NUMBER = re.compile(
    r"([-+.\d](?<![A-Za-z0-9_.@][-+.\d])(?:(?<=\d)|\.?\d)\d*(?:[.,]\d+)*\.?(?:[eE][-+]?\d+)?)",
)
_OR_WORD = re.compile(rf"{_NUMBER.pattern[:-1]}|[-+]?(?<![A-Za-z0-9_.@])(?:nan|inf|infinity)(?!\w))", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")


_MANY_BLANKS = " " * 8
_BLANKS = re.compile(r"\s{9,}")


class Line(NamedTuple):
    """A line, as its shape and its numbers in their order."""

    shape: str
    numbers: list[str]


def line_of(text: str) -> Line:
    """The shape and the numbers of a line; many blanks in a row are some."""
    if _MANY_BLANKS in text:
        text = _BLANKS.sub(_MANY_BLANKS, text)  # what looks for blanks would try each of thousands
    words = "nan" in text or "NaN" in text or "inf" in text or "Inf" in text  # few lines have them, and all are asked
    parts = (_OR_WORD if words else _NUMBER).split(text)
    return Line(NUMBER.join(parts[::2]), parts[1::2])


def value_of(number: str) -> float:
    """The value of a number as it was written. Raises ValueError where it is none, but an address or a version."""
    if "," in number:
        number = number.replace(",", "" if _THOUSANDS.fullmatch(number) else ".")
    return float(number.rstrip("."))  # the last one ends a sentence
