"""What a run did, drawn by its widget: what has changed, a few times a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gpurun_jupyter.core.events import AnyEvent, Clear, Display, Output
from gpurun_jupyter.views.bundle import summary, text_of
from gpurun_jupyter.views.facts import Facts
from gpurun_jupyter.views.tail import Tail

if TYPE_CHECKING:
    from gpurun_jupyter.core.runs import Run as RunRecord
    from gpurun_jupyter.views.widget import RunWidget

#: The widget is changed at most this often, in seconds.
_REDRAW_S = 0.1


class WidgetFeed:
    """A client.follow.View that keeps the output and the facts, and sets the traits of a widget if there is one."""

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
            raise Closed  # ends the thread that follows the run for it
        if self._changed and time.monotonic() - self._drawn_at >= _REDRAW_S:
            self.draw()

    def draw(self) -> None:
        """Set the traits that have changed."""
        if self.widget is not None:
            with self.widget.hold_sync():  # one message for all of them
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
