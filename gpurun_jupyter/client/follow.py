"""Following a run to its end: what comes goes to a view, an interrupt detaches or asks the run to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from gpurun_jupyter.client.stream import Connected, EventsFrame, Frame, Reconnecting, RunFrame
from gpurun_jupyter.core.errors import ServerUnreachable, WrongState
from gpurun_jupyter.core.events import START_OF_LOG, AnyEvent, Cursor, Display, Error, Output, Result
from gpurun_jupyter.views.tail import Tail

if TYPE_CHECKING:
    from gpurun_jupyter.client.live_run import LiveRun
    from gpurun_jupyter.core.runs import Run as RunRecord

#: What an interrupt does while a run is followed: leave it alone, or ask it to stop.
Interrupt = Literal["detach", "stop"]

#: How long a view may lag behind when nothing comes, in seconds.
TICK_S = 0.05


class View(Protocol):
    """What shows a run that goes on."""

    def run(self, record: RunRecord) -> None:
        """The run is now like this."""

    def event(self, event: AnyEvent) -> None:
        """The run did this."""

    def note(self, text: str) -> None:
        """Something about the connection; an empty text takes it back."""

    def say(self, text: str) -> None:
        """What an interrupt did."""

    def tick(self) -> None:
        """A moment without news: time to draw what was put off."""


def follow(
    run: LiveRun,
    view: View,
    interrupt: Interrupt,
    cursor: Cursor = START_OF_LOG,
    leaving: Callable[[], bool] = lambda: False,
) -> RunRecord | None:
    """Show the run to its end and return it as it ended; None if the person left before.

    `leaving` is asked at an interrupt whether it is not for the run: whoever shows it is being ended.
    """
    interrupts = 0
    with run.live(cursor) as live:
        while True:
            try:
                # Asked in here, so that an interrupt during the request counts as the next one.
                if interrupts and not _ask_to_stop(run, view, interrupts):
                    return None
                for frame in live.frames(TICK_S):  # after an interrupt again: the connection was not broken by it
                    _show(frame, run, view)
            except KeyboardInterrupt:
                if interrupt == "detach" or leaving():
                    return None
                interrupts += 1
            else:
                return run.record


def catch_up(run: LiveRun, view: View, lines: int) -> Cursor:
    """Show the last lines of what was printed so far, and what was displayed; returns the place after it."""
    tail, shown, cursor = Tail(lines), list[AnyEvent](), START_OF_LOG
    for place, event in run.events():
        cursor = place
        if isinstance(event, Output):
            tail.add(event.text)
        elif isinstance(event, Display | Result | Error):
            shown.append(event)
    view.run(run.record)
    for event in [Output(stream="stdout", text=tail.text), *shown]:
        view.event(event)
    return cursor


def _show(frame: Frame | None, run: LiveRun, view: View) -> None:
    if isinstance(frame, RunFrame):
        run.record = frame.run
        view.run(frame.run)
    elif isinstance(frame, EventsFrame):
        for event in frame.known():
            view.event(event)
    elif isinstance(frame, Reconnecting):
        view.note("reconnecting; the run goes on")
    elif isinstance(frame, Connected):
        view.note("")
    view.tick()


def _ask_to_stop(run: LiveRun, view: View, interrupts: int) -> bool:
    """The first interrupt asks it to stop, the second kills it, the third leaves it: then False."""
    if interrupts > 2:
        return False
    try:
        run.cancel(kill=interrupts == 2)
    except WrongState:
        return True  # it has just ended: what is left to show comes now
    except ServerUnreachable:  # nobody can be asked, and the run goes on: it is left
        return False
    view.say("Asked it to stop; interrupt again to kill it." if interrupts == 1 else "Killing it.")
    return True
