"""Keeping a run's widget up to date: by the cell that waits for it, or by a thread of its own."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from gpurun_jupyter.cli.follow import View, follow
from gpurun_jupyter.cli.tail import Tail
from gpurun_jupyter.client import Run
from gpurun_jupyter.core.errors import FileMissing, GpurunError
from gpurun_jupyter.core.events import AnyEvent, Clear, Display, Output
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.notebook.bundle import summary, text_of
from gpurun_jupyter.notebook.facts import Facts

if TYPE_CHECKING:
    from gpurun_jupyter.core.runs import Run as RunRecord
    from gpurun_jupyter.notebook.widget import RunWidget

#: The widget is changed at most this often, in seconds.
_REDRAW_S = 0.1


class WidgetFeed:
    """A cli.follow.View that keeps the output and the facts, and sets the traits of a widget if there is one."""

    def __init__(self, record: RunRecord, widget: RunWidget | None) -> None:
        self.record = record
        self.tail = Tail()
        self.facts = Facts()
        self.widget = widget
        self._changed: set[str] = set()
        self._clear_next = False
        self._drawn_at = 0.0

    def run(self, record: RunRecord) -> None:
        """The run is now like this."""
        self.record = record
        self._changed.add("run")

    def event(self, event: AnyEvent) -> None:
        """The run did this."""
        new = isinstance(event, Output) or (isinstance(event, Display) and not event.update)
        if isinstance(event, Clear) or (self._clear_next and new):
            self._clear(event)
        if isinstance(event, Output):
            self.tail.add(event.text)
            self._changed.add("output")
        elif self.facts.take(event):
            self._changed |= {"run", "facts"}

    def _clear(self, event: AnyEvent) -> None:
        """Forget the text now or, as was asked for, when something new comes."""
        self._clear_next = isinstance(event, Clear) and event.wait
        if not self._clear_next:
            self.tail = Tail()
            self._changed.add("output")

    def note(self, text: str) -> None:
        """What the widget says of the connection; the extension's view has its own."""
        if self.widget is not None:
            self.widget.link = text

    def say(self, text: str) -> None:
        """A line of the cell's own."""
        print(text)

    def tick(self) -> None:
        """Draw what has changed, unless something was drawn just now. Raises Closed where nobody sees the widget."""
        if self.widget is not None and self.widget.closed:
            raise Closed
        if self._changed and time.monotonic() - self._drawn_at >= _REDRAW_S:
            self.draw()

    def draw(self) -> None:
        """Set the traits that have changed."""
        if self.widget is not None:
            with self.widget.hold_sync():
                if "run" in self._changed:
                    self.widget.run = summary(self.facts.added_to(self.record))
                if "output" in self._changed:
                    self.widget.output = text_of(self.tail)
                if "facts" in self._changed:
                    self.widget.facts = self.facts.told()
        self._changed.clear()
        self._drawn_at = time.monotonic()


class Closed(Exception):
    """The widget has been closed."""


def live_widget(run: Run) -> RunWidget:
    """A widget that a thread feeds until the run's end or its own. Raises FileMissing in a checkout without a build."""
    from gpurun_jupyter.notebook.widget import RunWidget, is_built

    if not is_built():
        raise FileMissing("The widget's script is not there.", "Build it: cd labextension && jlpm && jlpm build:prod.")
    own = Run(run._connection, run.record)  # noqa: SLF001 - what the thread learns is not for the caller's record
    widget = RunWidget(summary(run.record), on_stop=lambda: _stop(own, widget))
    feed = WidgetFeed(run.record, widget)
    in_a_thread(own, feed, feed.draw)
    return widget


def in_a_thread(run: Run, view: View, at_the_end: Callable[[], None]) -> threading.Thread:
    """Follow the run in a thread that does not keep the kernel from ending; displays belong to the present cell."""

    def go_on() -> None:
        try:
            follow(run, view, "detach")
            at_the_end()
        except Closed:
            pass
        except GpurunError as error:
            view.note(str(error))

    thread = threading.Thread(target=contextvars.copy_context().run, args=[go_on], daemon=True, name=f"gpurun-{run.id}")
    thread.start()
    return thread


def _stop(run: Run, widget: RunWidget) -> None:
    """First interrupt it, then kill it."""
    try:
        run.cancel(kill=run.state is State.STOPPING)
        widget.link = ""
    except GpurunError as error:
        widget.link = str(error)
