"""Ignore files as git reads them (gitignore(5), and dir.c where that is silent): the last line that fits decides."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.shipping.wildmatch import Malformed, expression

_NEVER = re.compile(rb"(?!)")


class Line(NamedTuple):
    """A pattern: whether it brings back, is of directories only, is of names in any folder, and the text it came as."""

    brings_back: bool
    only_dirs: bool
    anywhere: bool
    text: bytes
    matches: re.Pattern[bytes]


class IgnoreFile(NamedTuple):
    """An ignore file as it is called, the path of its folder with a slash, and its lines, the last one first.

    `names` and `paths` fit what any of the lines does. All paths are seen from one folder.
    """

    name: str
    base: str
    lines: tuple[Line, ...]
    names: re.Pattern[bytes]
    paths: re.Pattern[bytes]

    def deciding(self, path: str, is_dir: bool) -> Line | None:
        """The line that decides about a path; None where the file says nothing of it."""
        asked = os.fsencode(path[len(self.base) :])  # names are bytes to git
        name = asked.rpartition(b"/")[2]
        if not self.names.fullmatch(name) and not self.paths.fullmatch(asked):
            return None
        for line in self.lines:
            if (is_dir or not line.only_dirs) and line.matches.fullmatch(name if line.anywhere else asked):
                return line
        return None


def ignoring(files: tuple[IgnoreFile, ...], path: str, is_dir: bool) -> str | None:
    """Which of the files, the last of them first, ignores a path: empty if one brings it back, None if none says."""
    for file in reversed(files):
        if (line := file.deciding(path, is_dir)) is not None:
            return "" if line.brings_back else file.name
    return None


def read(place: Path, name: str, base: str) -> tuple[IgnoreFile, ...]:
    """The file at this place, if one is there that says anything. Raises InvalidRequest for one that cannot be read."""
    try:
        data = place.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ()
    except OSError as error:
        raise InvalidRequest(f"{place} cannot be read ({error.strerror}).", "Make it readable.") from error
    lines = tuple(_lines(data))[::-1]
    if not lines:
        return ()
    return (IgnoreFile(name, base, lines, _any(lines, anywhere=True), _any(lines, anywhere=False)),)


def _lines(data: bytes) -> Iterator[Line]:
    for number, text in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n")):
        # To git, a text ends at a NUL.
        text = _without_spaces(text.removesuffix(b"\r").partition(b"\0")[0])  # noqa: PLW2901
        if text and not text.startswith(b"#"):
            yield _line(text, b"l%d" % number)  # names of groups, for all lines become one expression


def _without_spaces(text: bytes) -> bytes:
    """The text without spaces at its end, but for one behind a backslash."""
    kept = text.rstrip(b" ")
    slashes = len(kept) - len(kept.rstrip(b"\\"))  # of an even number none is left to protect the space
    return kept + b" " if slashes % 2 and kept != text else kept


def _line(text: bytes, name: bytes) -> Line:
    brings_back = text.startswith(b"!")
    pattern = text.removeprefix(b"!")
    only_dirs = pattern.endswith(b"/")
    pattern = pattern.removesuffix(b"/")
    anywhere = b"/" not in pattern
    try:
        matches = re.compile(expression(pattern.removeprefix(b"/"), name), re.DOTALL)
    except Malformed:
        matches = _NEVER
    return Line(brings_back, only_dirs, anywhere, text, matches)


def _any(lines: tuple[Line, ...], *, anywhere: bool) -> re.Pattern[bytes]:
    """What fits any of the lines: most names fit none, and that is found out at once."""
    found = [line.matches.pattern for line in lines if line.anywhere == anywhere]
    return re.compile(b"(?:" + b"|".join(found) + b")", re.DOTALL) if found else _NEVER
