"""What the files of loggers say, and what their readers have in common."""

from __future__ import annotations

import struct
from typing import ClassVar, NamedTuple, Protocol

#: What a hyperparameter can be; a list is its JSON.
Value = str | int | float | bool


class Points(NamedTuple):
    """Values logged together, NaN and infinities among them. Of a file of several runs, `run` is the name of one.

    `time` is seconds since the epoch, where the file says it.
    """

    values: dict[str, float]
    step: float | None
    run: str = ""
    time: float | None = None


class Parameters(NamedTuple):
    """Hyperparameters; the names of nested ones are joined as their logger joins them."""

    values: dict[str, Value]
    run: str = ""


Found = Points | Parameters


class FileReader(Protocol):
    """Reads one file. It never raises, whatever the file is; once it can read no more of it, it is `broken`.

    `whole` says what it is fed: all of the file each time it changed, or else only what was added, in pieces of any
    size.
    """

    by: ClassVar[str]
    whole: ClassVar[bool]
    broken: bool

    def read(self, data: bytes) -> list[Found]:
        """What is told by this piece of the file."""
        ...

    def end(self) -> list[Found]:
        """What is told by the file's end: no more comes, and a last line may lack its newline."""
        ...

    def again(self) -> None:
        """Hear that the file is written anew, as its first bytes or its size show: next comes its beginning."""
        ...


class Damaged(ValueError):
    """Raised when bytes are not what they should be."""


#: What reading damaged bytes can raise.
UNREADABLE = (ValueError, LookupError, TypeError, ArithmeticError, RecursionError, struct.error)


class Reader:
    """What all readers are made of: they fill in `_take`, and raise what is `UNREADABLE` where they cannot go on."""

    by: ClassVar[str]
    whole: ClassVar[bool] = False

    def __init__(self) -> None:
        self.broken = False

    def read(self, data: bytes) -> list[Found]:
        """What is told by this piece of the file."""
        found: list[Found] = []
        if not self.broken:
            try:
                self._take(data, found)
            except UNREADABLE:
                self.broken = True
        return found

    def end(self) -> list[Found]:
        """What is told by the file's end."""
        found: list[Found] = []
        if not self.broken:
            try:
                self._finish(found)
            except UNREADABLE:
                self.broken = True
        return found

    def again(self) -> None:
        """Begin anew; one that reads whole files does so each time."""

    def _take(self, data: bytes, found: list[Found]) -> None:
        raise NotImplementedError

    def _finish(self, found: list[Found]) -> None:
        pass
