"""Faults of gpurun's own while an attempt is carried out: heard of wherever they are raised, and told at its end.

Most of what a runner does happens in callbacks and in tasks that nobody awaits, where asyncio reports what is raised
and goes on: the run would wait for ever for what was to come of it. So the loop's exception handler is where all of it
comes together. docs/decisions/0089-a-fault-of-ours-ends-the-run.md says why a fault ends the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gpurun_jupyter.agent.runner.reasons import named, of_fault
from gpurun_jupyter.core.events import End, encode_line, event_on
from gpurun_jupyter.core.home import AttemptFolder, open_log, write_json
from gpurun_jupyter.core.system.locks import holder
from gpurun_jupyter.core.system.records import open_plain, read_record

#: What is raised again and again, such as at each piece of output, is written down so often.
_MOST_TRACEBACKS = 10
#: The longest end has a message of 1,000 characters, each of up to six bytes in JSON (`\u0001`), or one with a path.
_LAST_LINE_BYTES = 2**14


class Faults:
    """The faults of one attempt, or of a session between attempts; their tracebacks go to a file.

    The first one counts: `on_first` is called, which is to end what goes on.
    """

    def __init__(self, own_log: Path) -> None:
        self.first: Exception | None = None
        self.on_first: Callable[[], None] = lambda: None
        self._own_log = own_log
        self._told = 0

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Within it, what callbacks raise, and tasks in the background, is told."""
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()
        loop.set_exception_handler(self._hear)
        try:
            yield
        finally:
            loop.set_exception_handler(before)

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """What is raised within it is told, and what follows goes on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - that is what this is for
            self.tell(error)

    def tell(self, error: Exception) -> None:
        """One more."""
        self._told += 1
        if self._told <= _MOST_TRACEBACKS:
            _write_down(self._own_log, error)
        if self.first is None:
            self.first = error
            self.on_first()

    def verdict(self, end: End) -> End:
        """How the attempt ended, given how its execution did: that may have been broken off."""
        if self.first is None:
            return end
        told = of_fault(self.first, self._own_log)
        told.exit_code = end.exit_code
        return told

    def note(self) -> str:
        """The line of the run's log that tells of it."""
        assert self.first is not None
        return f"[gpurun itself failed: {named(self.first)}]\n"

    def _hear(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback raised. What asyncio says of a task that was thrown away is no fault: nobody needed it."""
        error = context.get("exception")
        thrown_away = "handle" not in context and ("future" in context or "task" in context)
        if isinstance(error, Exception) and not thrown_away:
            self.tell(error)
        else:
            loop.default_exception_handler(context)


@contextlib.contextmanager
def word_left(folder: AttemptFolder) -> Iterator[None]:
    """Whatever is raised within, word is left of how the attempt ended, and what follows goes on.

    Raises only where that cannot be done: then the end of this process has to tell. An attempt that another process
    carries out is left alone.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - that is what this is for
        _write_down(folder.runner_log, error)
        identity = holder(folder.runner, folder.lock)
        if identity is None or identity.pid == os.getpid():
            _leave_word(folder, error)


def _leave_word(folder: AttemptFolder, error: Exception) -> None:
    """The least there is to be left: the exit record and the last line of the log. Where one is there, both say so."""
    record, logged = read_record(folder.exit, End), _logged_end(folder.events)
    end = record or logged or of_fault(error, folder.runner_log)
    try:
        if record is None:
            write_json(folder.exit, end)
    finally:  # the one may work where the other does not
        if logged is None:
            _end_log(folder.events, end)


def _logged_end(events: Path) -> End | None:
    with contextlib.suppress(OSError), open_plain(events) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_LINE_BYTES))
        lines = file.read().splitlines()
        event = event_on(lines[-1]) if lines else None
        return event if isinstance(event, End) else None
    return None


def _end_log(events: Path, end: End) -> None:
    """Append its end to a log, if there is one, and room."""
    end.t = round(time.time(), 3)
    with contextlib.suppress(OSError):
        fd = os.open(events, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)  # no O_CREAT: a log is never an end alone
        try:
            os.write(fd, encode_line(end))
        finally:
            os.close(fd)


def _write_down(own_log: Path, error: Exception) -> None:
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError), open_log(own_log) as file:
        file.write(text.encode(errors="backslashreplace"))  # a message may have half of a surrogate pair
