"""Everything that a forked kernel and its children print, in order, through one pipe that the runner holds.

What a kernel that dies has said is in the pipe then, whoever said it: Python, C, a child. Raw text is stdout, as in a
terminal; what Python writes to stderr is framed. Messages go another way (ZMQ), and for each of them the kernel leaves
a mark at the place in the pipe where it belongs.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import io
import os
import select
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple

_READ_BYTES = 256 * 1024
#: A pipe of this size lets a kernel print on while its runner is at something else. Linux may refuse it.
_PIPE_BYTES = 2**20
#: Text without a newline at its end is passed on this often while a cell is at work, seconds.
_FLUSH_S = 0.05

#: `late`: of a task that an earlier request has started.
Stream = Literal["stdout", "stderr", "late"]


class Text(NamedTuple):
    """Something that was printed."""

    stream: Stream
    text: str


class Mark(NamedTuple):
    """The place of the kernel's message of this number."""

    number: int


class Frames(NamedTuple):
    """What no text contains: an application program command of terminals, with a secret of this kernel."""

    begin: bytes

    @classmethod
    def of(cls, secret: str) -> Frames:
        """Those with this secret."""
        return cls(f"\x1b_{secret} ".encode())

    def frame(self, what: str) -> bytes:
        """`stderr` or `stdout`, of what follows, or a mark's number."""
        return self.begin + what.encode() + _END


_END = b"\x1b\\"


def make_pipe() -> tuple[int, int]:
    """The runner's end, which is never waited for, and the kernel's."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reading, writing


class PipeReader:
    """The runner's end: what comes out of it, told apart. `over` when nobody has the other end open any more."""

    def __init__(self, fd: int, frames: Frames | None = None) -> None:
        self.fd = fd
        self.over = False
        self._begin = frames.begin if frames is not None else None
        self._stream: Stream = "stdout"
        self._rest = b""  # perhaps the beginning of a frame
        # one for each: another stream may come between the bytes of a character
        self._decoders: dict[str, codecs.IncrementalDecoder] = {
            "stdout": codecs.getincrementaldecoder("utf-8")("replace"),
            "stderr": codecs.getincrementaldecoder("utf-8")("replace"),
            "late": codecs.getincrementaldecoder("utf-8")("replace"),
        }

    def read(self) -> list[Text | Mark] | None:
        """What is there now, up to some size; None where there is nothing at the moment, or at all."""
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return None
        self.over = not data
        return [*self._parts(data)] if data else None

    def last_words(self) -> list[Text | Mark]:
        """Everything that is there now, and what looked like the beginning of more."""
        found: list[Text | Mark] = []
        while (parts := self.read()) is not None:
            found += parts
        rest, self._rest = self._rest, b""
        return [*found, *self._text(rest, final=True)]

    def close(self) -> None:
        """Let the pipe go: who writes into it from now on gets an error."""
        os.close(self.fd)

    def _parts(self, data: bytes) -> Iterator[Text | Mark]:
        if self._begin is None:
            yield from self._text(data)
            return
        before, *framed = (self._rest + data).split(self._begin)
        self._rest = b""
        if not framed:
            before = self._without_beginning(before)
        yield from self._text(before)
        for number, piece in enumerate(framed, 1):
            what, ended, text = piece.partition(_END)
            if number == len(framed):
                if not ended:
                    self._rest = self._begin + piece
                    return
                text = self._without_beginning(text)
            yield from self._take(what)
            yield from self._text(text)

    def _without_beginning(self, text: bytes) -> bytes:
        """The text but for what may be the beginning of a frame, which is kept."""
        assert self._begin is not None
        for at in range(max(0, len(text) - len(self._begin) + 1), len(text)):
            if self._begin.startswith(text[at:]):
                self._rest = text[at:]
                return text[:at]
        return text

    def _take(self, what: bytes) -> Iterator[Mark]:
        if (stream := what.decode()) in self._decoders:
            self._stream = stream  # type: ignore[assignment]
        else:
            yield Mark(int(what))

    def _text(self, data: bytes, *, final: bool = False) -> Iterator[Text]:
        if text := self._decoders[self._stream].decode(data, final):
            yield Text(self._stream, text)


class KernelOutput:
    """The kernel's end, which is descriptor 1 and 2, too: Python's two streams, by lines as in a terminal; and marks.

    What is done with `turn` held happens between what other threads print and send.
    """

    def __init__(self, frames: Frames) -> None:
        self.turn = threading.RLock()  # a mark is written within a turn, and a signal's handler may print in one
        self.frames = frames
        self._marks = 0
        self._at_work = threading.Event()
        self.fd = os.dup(1)  # code may put something else in the place of 1 and 2
        self._request: ContextVar[object] = ContextVar("request", default=None)
        self._current: object = None
        self.stdout = _by_lines(_Raw(self, "stdout"), "replace")
        self.stderr = _by_lines(_Raw(self, "stderr"), "backslashreplace")
        os.register_at_fork(before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._in_child)
        self._flushing = threading.Thread(target=self._flush_while_at_work, name="gpurun", daemon=True)
        self._flushing.start()

    def mark(self) -> int:
        """Leave the mark of the next message, after everything that was printed before; returns its number."""
        self.flush()
        self._marks += 1
        self.write(self.frames.frame(str(self._marks)))
        return self._marks

    def write(self, data: bytes) -> None:
        """All of it, with nothing of another thread in between."""
        with self.turn:
            while data:
                try:
                    data = data[os.write(self.fd, data) :]
                except BlockingIOError:  # a child has made the pipe one that is not waited for
                    select.select([], [self.fd], [])

    def flush(self) -> None:
        """Have in the pipe what was printed."""
        self.stdout.flush()
        self.stderr.flush()

    def begin(self) -> None:
        """A request begins to run code: tasks that it starts are its own; unfinished lines are passed on, too."""
        self._current = object()
        self._request.set(self._current)
        self._at_work.set()

    def over(self) -> None:
        """Its code is over."""
        self._at_work.clear()

    def is_late(self) -> bool:
        """Whether a task of an earlier request is what runs here."""
        return self._request.get() not in (None, self._current)

    def _flush_while_at_work(self) -> None:
        between = threading.Event()
        while self._at_work.wait():
            between.wait(_FLUSH_S)
            with self.turn:
                self.flush()

    def _before_fork(self) -> None:
        """What was printed before a child is there stands before what the child prints, and once."""
        self.turn.acquire()
        self.flush()

    def _after_fork(self) -> None:
        self.turn.release()

    def _in_child(self) -> None:
        self.turn = threading.RLock()  # the one that was inherited is held


class _Raw(io.RawIOBase):
    """Writes to the pipe at once; not through a BufferedWriter, in which a signal's handler could not print."""

    def __init__(self, output: KernelOutput, stream: Stream) -> None:
        super().__init__()
        self._output = output
        self._frame = "" if stream == "stdout" else stream

    def fileno(self) -> int:
        """For those who write there themselves."""
        return self._output.fd

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """All of it, in a frame unless it is what everybody prints."""
        frame, frames = "late" if self._output.is_late() else self._frame, self._output.frames
        self._output.write(frames.frame(frame) + bytes(data) + frames.frame("stdout") if frame else data)
        return len(data)


def _by_lines(raw: Any, errors: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(raw, "UTF-8", errors, line_buffering=True)
