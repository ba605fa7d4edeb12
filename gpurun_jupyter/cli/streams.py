"""Standard output and error of a command, whatever they are: in any encoding, closed, full."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: What we write ourselves that many encodings lack; anything else that one lacks is written as `\\u2588`.
_PLAIN = str.maketrans({"✓": "+", "✗": "x", "■": "x", "◷": "~", "○": "o", "●": "*", "·": "-", "«": '"', "»": '"'})
_ERRORS = "gpurun-plain"


class OutputLost(Exception):
    """Raised when standard output takes nothing any more; what is written to it later is dropped.

    No OSError: click would exit with 1 for one of a closed pipe, as if a run had failed.
    """

    def __init__(self, why: OSError) -> None:
        super().__init__(f"Standard output cannot be written to: {why.strerror}.")
        self.is_unwanted = why.errno == errno.EPIPE  # the reader has gone, as `head` does: no fault of anybody


class _Output(io.FileIO):
    """A file descriptor of somebody else, whose failures can be told from those of other files."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            _drop_what_comes(self.fileno())
            raise OutputLost(error) from error


class _Remarks(io.FileIO):
    """The same for standard error: nobody can be told that it is gone."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            _drop_what_comes(self.fileno())
            return len(memoryview(data).cast("B"))  # as if written: the buffer would try the rest again


def prepare() -> None:
    """Have `sys.stdout` and `sys.stderr` take any text. For the process of a command, before it opens anything."""
    _hold_places()
    codecs.register_error(_ERRORS, _in_plain_letters)
    sys.stdout = _over(_Output, 1, sys.stdout)
    sys.stderr = _over(_Remarks, 2, sys.stderr)


@contextmanager
def whatever_is_shown(say: Callable[[str], None]) -> Iterator[None]:
    """For commands that exit as runs ended: output that is lost is said, and changes nothing."""
    try:
        yield
    except OutputLost as lost:
        if not lost.is_unwanted:
            say(f"gpurun: {lost}")


def is_utf8(stream: IO[str]) -> bool:
    """Whether what is written to a stream comes out in the one encoding that JSON may have."""
    encoding = getattr(stream, "encoding", None) or "utf-8"  # a StringIO has none
    return codecs.lookup(encoding).name == "utf-8"


def _hold_places() -> None:
    """What is opened next would get the number of a standard stream that is closed, and what is printed."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # open gives the lowest that is free
        pass
    os.close(number)


def _over(kind: type[io.FileIO], number: int, before: TextIO | None) -> TextIO:
    encoding = getattr(before, "encoding", None) or "utf-8"
    raw = kind(number, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, _ERRORS, line_buffering=number == 2 or raw.isatty())


def _drop_what_comes(number: int) -> None:
    """What is still in buffers would fail again when the interpreter ends."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)


def _in_plain_letters(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    # What comes out is encoded once more, and has to be what every encoding has.
    return text.translate(_PLAIN).encode("ascii", "backslashreplace").decode(), error.end
