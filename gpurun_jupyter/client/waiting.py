"""Waiting for runs to finish, also while the server comes and goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gpurun_jupyter.client.stream import Connected, Frame, Reconnecting, RunsFrame
from gpurun_jupyter.core.errors import ServerUnreachable
from gpurun_jupyter.core.lifecycle import State

if TYPE_CHECKING:
    from gpurun_jupyter.client.live_run import LiveRun

_TICK_S = 0.2  # how late a timeout may be noticed


def wait_for(
    runs: Sequence[LiveRun], timeout: float | None = None, *, tell: Callable[[str], None] = lambda _: None
) -> None:
    """Block until all of these runs have finished; who waits is told when the server is away, and when it is back.

    Raises TimeoutError after `timeout` seconds.
    """
    waiting = _Waiting(runs, tell)
    deadline = None if timeout is None else time.monotonic() + timeout
    if not waiting.left:
        return
    with runs[0].changes() as live:
        for frame in live.frames(_TICK_S):
            waiting.take(frame)
            if not waiting.left:
                return
            if deadline is not None and time.monotonic() >= deadline:
                names = ", ".join(run.name for run in waiting.left.values())
                raise TimeoutError(
                    f"{names}: not finished after {timeout:g} s, and still going on. Wait again, or cancel."
                )


class _Waiting:
    """The runs that have not finished, as far as one has heard."""

    def __init__(self, runs: Sequence[LiveRun], tell: Callable[[str], None]) -> None:
        self.left = {run.id: run for run in runs if run.refresh().state is not State.FINISHED}
        self._tell = tell
        self._away = False
        self._missed = False  # what happened before the connection stood may not be told again

    def take(self, frame: Frame | None) -> None:
        if isinstance(frame, Reconnecting) and not self._away:
            self._away = True
            self._tell(f"The server is away ({frame.why.rstrip('.')}). Trying again; the runs go on.")
        if isinstance(frame, RunsFrame):
            self._hear(frame)
        self._missed = self._missed or isinstance(frame, Connected)
        if self._missed:
            self._ask()
        for run in [run for run in self.left.values() if run.state is State.FINISHED]:
            del self.left[run.id]

    def _hear(self, frame: RunsFrame) -> None:
        # Not at `Connected`: a connection that ends at once is no server that is back.
        if self._away:
            self._away = False
            self._tell("The server is back.")
        for record in frame.runs:
            if record.id in self.left:
                self.left[record.id].record = record

    def _ask(self) -> None:
        try:
            for run in self.left.values():
                run.refresh()
        except ServerUnreachable:
            return  # it has gone away again: asked with the next frame
        self._missed = False
