"""What is looked at beside a run, in a thread of its own: whoever is asked there may keep one waiting for ever.

A driver in trouble may, and so may a network file system; the run's output must not wait, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator

from gpurun_jupyter.core.events import Event

FIRST_S = 1.0


class InThread:
    """Passes on the events of `until`, which goes on until it is told to end, from a thread of its own.

    A run that ends within the first second has none, as starting one may cost it a millisecond, unless it is `asked`
    for at the end. What is raised there is raised by `fail`, where faults are heard of.
    """

    def __init__(
        self,
        name: str,
        until: Callable[[threading.Event], Iterator[Event]],
        write: Callable[[Event], None],
        last_s: float,
    ) -> None:
        self._name = name
        self._until = until
        self._write = write
        self._last_s = last_s
        self._ended, self._through = threading.Event(), asyncio.Event()
        self._begun = False
        self._over = False

    @contextlib.asynccontextmanager
    async def going_on(self, asked: Callable[[], bool] = lambda: False) -> AsyncIterator[None]:
        """Look while this lasts, and once more at its end, for which it waits a little."""
        beginning = asyncio.get_running_loop().call_later(FIRST_S, self._begin)
        try:
            yield
        finally:
            beginning.cancel()
            self._ended.set()
            if not self._begun and asked():
                self._begin()
            if self._begun:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._through.wait(), self._last_s)
            self._over = True  # what takes longer is nobody's

    def _begin(self) -> None:
        self._begun = True
        # a daemon: what does not answer must not keep the runner from leaving
        threading.Thread(target=self._go_on, args=[asyncio.get_running_loop()], daemon=True, name=self._name).start()

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for event in self._until(self._ended):
                loop.call_soon_threadsafe(self._pass_on, event)  # only the loop's own thread writes the log
        except Exception as error:  # noqa: BLE001 - raised again where somebody hears of it
            self._call(loop, self._fail, error)
        self._call(loop, self._through.set)

    def _pass_on(self, event: Event) -> None:
        if not self._over:
            self._write(event)

    def _fail(self, error: Exception) -> None:
        if not self._over:
            raise error

    @staticmethod
    def _call(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: a look took too long
            loop.call_soon_threadsafe(what, *arguments)
