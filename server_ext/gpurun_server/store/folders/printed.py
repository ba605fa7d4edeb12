"""The lines that a run printed: some of them, and those that hold a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import msgspec

from gpurun_server.store.folders.logs import Lines, ends_line, lines_with_texts, printed_text

#: Colours and moves of the cursor, as a terminal takes them.
_SEQUENCES = re.compile(r"\x1b(?:\[[0-9;:?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[c=>78])")
_LONGEST = 1000  # characters of a line that are told


class FoundLine(msgspec.Struct):
    """A line that holds the text: its number, from 0, and what it shows."""

    line: int
    text: str


class FoundLines(msgspec.Struct):
    """The first lines that hold a text, how many do, and how many there are in all."""

    found: list[FoundLine]
    count: int
    lines: int


def find_lines(log: Lines, text: str, most: int) -> FoundLines:
    """Look through everything that was printed, whatever the case of letters. For a thread."""
    wanted, answer = text.casefold(), FoundLines([], 0, 0)
    for raw in _lines(log):
        # most lines are done with here; colours in the middle of a word would hide it
        if wanted in raw.casefold() or "\x1b" in raw:
            line = as_shown(raw)
            if wanted in line.casefold():
                answer.count += 1
                if answer.count <= most:
                    answer.found.append(FoundLine(answer.lines, line[:_LONGEST]))
        answer.lines += 1
    return answer


def events_of_lines(log: Lines, first: int, count: int) -> tuple[int, list[bytes]]:
    """What printed `count` lines from number `first` (from 0) on, and the number of the line that begins there.

    For a thread.
    """
    begin, found, number = 0, list[bytes](), 0
    for lines in lines_with_texts(log):
        for line, text in lines:
            after = number + text.count("\n")
            if not found and (after < first or (after == first and ends_line(line))):
                begin = after
            elif number < first + count:
                found.append(line)
            number = after
        if number >= first + count:
            break
    return begin, found


def some_lines(log: Lines, first: int, count: int) -> str:
    """Lines with their colours, from number `first` (from 0) on. For a thread."""
    return "".join(f"{line}\n" for line in islice(_lines(log), first, first + count))


def as_shown(line: str) -> str:
    """A line without colours, and of one that was overwritten the last text."""
    return _SEQUENCES.sub("", line).rstrip("\r").rpartition("\r")[2]


def _lines(log: Lines) -> Iterator[str]:
    rest = ""
    for piece in printed_text(log):
        *lines, rest = (rest + piece).split("\n")
        yield from lines
    if rest:
        yield rest
