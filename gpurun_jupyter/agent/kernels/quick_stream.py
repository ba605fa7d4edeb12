"""Standard output and error of a forked kernel: ipykernel's, but a `write` costs a tenth.

ipykernel's own takes a lock, makes a set of the request's header and looks at its buffers each time, and a `print`
writes twice. Here what is written is appended to a list, which is atomic, and put together in the output thread. All
else is ipykernel's: when text is sent, what `flush` waits for, how forked children report.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

from ipykernel.iostream import OutStream

#: Text is sent in messages of at most this size, characters.
_MESSAGE_CHARS = 64 * 1024

#: While more than this is being sent, who writes has to wait, in any case no longer than so many seconds.
_MANY_CHARS = 4 * _MESSAGE_CHARS
_PATIENCE_S = 10.0
_LOOK_S = 0.0005

_READ_BYTES = 64 * 1024
#: More a pipe does not hold, unless somebody has made it larger.
_PIPE_BYTES = 2**20

#: What is written for so many requests is looked after; a thread may be about to write for one that was not the last.
_REQUESTS = 8

#: What of ipykernel's stream this one builds on; where it is not so, ipykernel's own does.
_BUILT_ON = ("_flush", "_flush_buffers", "_schedule_flush", "_watch_pipe_fd", "parent_header", "close")


class _Gathered(NamedTuple):
    """What was written for one request, as yet unsent."""

    header: dict[str, Any]
    texts: list[str]


#: Asks for the header that this thread or task has of its own.
_Header = Callable[[None], dict[str, Any] | None]


class _Raw:
    """The end of a pipe: what was written to a descriptor of standard output, by whoever asks first."""

    def __init__(self, fd: int, write: Callable[[str], object]) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._write = write
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._taking = threading.RLock()  # a signal's handler may flush, too
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    def wait(self) -> bool:
        """Until there is something; false where nobody can write any more."""
        return any(event & select.POLLIN for _, event in self._poll.poll())

    def take(self) -> None:
        """Write what is there now; what is written meanwhile is left for later, or this might never end."""
        with self._taking:
            left = _PIPE_BYTES
            while left > 0 and (data := self._read()):
                self._write(self._decode(data))
                left -= len(data)

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return b""


class QuickStream(OutStream):
    """A stream whose `write` is one append as long as nothing unusual is wanted of it."""

    _quick: bool
    _gathered: list[_Gathered]
    _latest: tuple[object, Callable[[str], object]]  # of the request that was written for last, where its text goes
    _header_here: _Header
    _raw: _Raw | None

    def __init__(self, *args: Any, **options: Any) -> None:
        self._raw = None
        self._be_slow()  # a thread that watches the descriptor writes as soon as it is started
        super().__init__(*args, **options)
        header = getattr(self, "_parent_header", None)
        self._header_here = header.get if isinstance(header, ContextVar) else _none
        self._quick = self.echo is None
        os.register_at_fork(before=self._before_fork, after_in_child=self._be_slow)

    def write(self, string: str) -> int:
        """Take the text; it is sent a moment later, or by `flush`."""
        header, append = self._latest
        if (self._header_here(None) or self.parent_header) is not header or not isinstance(string, str):
            return self._write_otherwise(string)
        append(string)
        if not self._flush_pending:  # asked after the append: a flush that is on its way takes this text too
            self._schedule_flush()
        return len(string)

    def close(self) -> None:
        """From now on writing is an error."""
        self._be_slow()
        super().close()

    def _write_otherwise(self, string: str) -> int:
        """The first text of a request; and whatever is left to ipykernel."""
        if not self._quick or not isinstance(string, str):
            super().write(string)
            return len(string)
        if self._sending and threading.current_thread() is not self.pub_thread.thread:
            self._wait_until_sent()
        header = self.parent_header
        append = self._begin(header)
        self._latest = (header, append)
        append(string)
        if not self._flush_pending:
            self._schedule_flush()
        return len(string)

    def _begin(self, header: dict[str, Any]) -> Callable[[str], None]:
        with self._beginning:
            gathered = next((one for one in self._gathered if one.header is header), None)
            if gathered is None:
                gathered = _Gathered(header, [])
                older, latest = self._gathered[:-_REQUESTS], self._gathered[-_REQUESTS:]
                self._gathered = [*(one for one in older if one.texts), *latest, gathered]
            return gathered.texts.append

    def _flush_buffers(self) -> Iterator[tuple[dict[str, Any], str]]:
        """What was written since the last time: requests' headers, each with text.

        The output thread would have to wait for the interpreter a dozen times for each message while another one
        prints on: where there is much to send, `write` is stopped, or all of it would be sent at the end.
        """
        yield from super()._flush_buffers()
        for header, texts in self._gathered:
            text = "".join(_taken(texts))
            with self._nobody_writing() if len(text) > _MANY_CHARS else contextlib.nullcontext():
                for start in range(0, len(text), _MESSAGE_CHARS):
                    yield header, _encodable(text[start : start + _MESSAGE_CHARS])

    @contextlib.contextmanager
    def _nobody_writing(self) -> Iterator[None]:
        self._sending = True
        self._latest = _NOTHING
        try:
            yield
        finally:
            self._sending = False

    def _wait_until_sent(self) -> None:
        """Without a lock: a signal's handler may come between, and print."""
        give_up = time.monotonic() + _PATIENCE_S
        while self._sending and time.monotonic() < give_up:
            time.sleep(_LOOK_S)

    def flush(self) -> None:
        """Send what was written before, through the descriptor too: at a cell's end nobody waits for that thread."""
        if self._raw is not None and self._is_master_process():
            self._raw.take()
        super().flush()

    def _watch_pipe_fd(self) -> None:
        """In a thread: what comes through the descriptor. ipykernel's breaks characters where a read happens to end."""
        if self._fid is None:
            return
        self._raw = raw = _Raw(self._fid, self.write)
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile
            while raw.wait() and self._should_watch:
                raw.take()

    def _before_fork(self) -> None:
        """What was printed before a child is there stands before what the child prints."""
        if self._quick and not self.closed:
            self.flush()

    def _be_slow(self) -> None:
        """Leave writing to ipykernel. In a forked child: what was not sent before is its parent's to send."""
        self._quick = False
        self._beginning = threading.RLock()  # a signal's handler may print, too
        self._gathered = []
        self._latest = _NOTHING
        self._sending = False
        self._header_here = _none


def _taken(texts: list[str]) -> list[str]:
    """Take everything out of the list; what other threads append meanwhile stays in it."""
    taken = texts[:]
    del texts[: len(taken)]
    return taken


def _encodable(text: str) -> str:
    """The text without halves of surrogate pairs: ipykernel drops all that it is sent with."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _none(_default: None) -> None:
    """No header of this thread's own is to be had."""


#: Nothing is written to at once: there is no request with this header.
_NOTHING = (object(), len)


def stream_class() -> str:
    """The import string of the class to use."""
    fits = all(hasattr(OutStream, name) for name in _BUILT_ON)
    chosen = QuickStream if fits else OutStream
    return f"{chosen.__module__}.{chosen.__name__}"
