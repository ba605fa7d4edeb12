"""What a forked kernel prints and what it sends go different ways: here both are put in the order of their making."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from gpurun_jupyter.agent.kernels.output_pipe import Mark, PipeReader, Text

#: A stream of text is read this often, so that it comes in large pieces; seconds.
_PAUSE_S = 0.002
#: What a kernel that is gone has sent may still be on its way, seconds.
_ON_THE_WAY_S = 0.5


class _Message(NamedTuple):
    number: int
    frames: list[bytes]


class Output:
    """Passes on text and messages of one kernel, each once. Lives in an event loop; one who `tell`s is told in it."""

    def __init__(self, pipe: PipeReader, tell: Callable[[Text | list[bytes]], None]) -> None:
        self._pipe = pipe
        self._tell = tell
        self._printed: deque[Text | Mark] = deque()  # begins with the mark of a message that is on its way
        self._messages: deque[_Message] = deque()  # whose marks have not been reached
        self._moved = asyncio.Event()
        self._closed = False

    def open(self) -> None:
        """Begin to read."""
        self._read_on()

    def arrived(self, number: int | None, frames: list[bytes]) -> None:
        """A message has come; what was printed before it is in the pipe. One without a number has no place there."""
        if number is None:
            self._tell(frames)
            return
        self._messages.append(_Message(number, frames))
        self._advance()
        while self._messages and self._messages[-1].number == number:
            if (parts := self._pipe.read()) is None:  # an interrupt has taken its mark away
                self._tell_messages(number)
                break
            self._printed += parts
            self._advance()
        self._read_on()
        self._moved.set()

    def drop(self) -> None:
        """Forget what was printed so far."""
        while (parts := self._pipe.read()) is not None:
            self._printed += [part for part in parts if isinstance(part, Mark)]  # their messages are still to come
        self._printed = deque(part for part in self._printed if isinstance(part, Mark))
        self._advance()

    def catch_up(self) -> None:
        """Pass on what was printed so far."""
        while (parts := self._pipe.read()) is not None:
            self._printed += parts
            self._advance()

    async def last_words(self) -> None:
        """Pass on all that a kernel has said that is gone. What it started may go on to print."""
        self._printed += self._pipe.last_words()
        self._advance()
        give_up = asyncio.get_running_loop().time() + _ON_THE_WAY_S
        while self._printed and (left_s := give_up - asyncio.get_running_loop().time()) > 0:
            self._moved.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left_s)
        self._printed = deque(part for part in self._printed if isinstance(part, Text))
        self._advance()
        self._read_on()

    def close(self) -> None:
        """Pass on what is there, and read no more."""
        if not self._closed:
            self.catch_up()
            self._stop_reading()
            self._closed = True
            self._pipe.close()

    def _read_on(self) -> None:
        # what waits for a message stays in the pipe: that has a limit
        if not (self._closed or self._pipe.over or self._printed):
            asyncio.get_running_loop().add_reader(self._pipe.fd, self._read)

    def _stop_reading(self) -> None:
        if not self._closed:
            asyncio.get_running_loop().remove_reader(self._pipe.fd)

    def _read(self) -> None:
        self._stop_reading()
        self._printed += self._pipe.read() or ()
        self._advance()
        asyncio.get_running_loop().call_later(_PAUSE_S, self._read_on)

    def _advance(self) -> None:
        """Pass on what comes next, up to the mark of a message that is not here yet."""
        while self._printed:
            part = self._printed[0]
            if isinstance(part, Mark) and (not self._messages or self._messages[-1].number < part.number):
                return
            self._printed.popleft()
            if isinstance(part, Mark):
                self._tell_messages(part.number)
            else:
                self._tell(part)

    def _tell_messages(self, up_to: int) -> None:
        while self._messages and self._messages[0].number <= up_to:
            self._tell(self._messages.popleft().frames)
