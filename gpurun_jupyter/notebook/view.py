"""The view of one run in a cell's output: one display that is fed while the cell waits and left calm at the end."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from gpurun_jupyter.cli.tail import Tail
from gpurun_jupyter.core.events import AnyEvent, Clear, Display, Error, Output, Result
from gpurun_jupyter.notebook.bundle import WIDGET_MIME, run_bundle, summary, text_of
from gpurun_jupyter.notebook.displays import CellDisplays, drawable

if TYPE_CHECKING:
    from gpurun_jupyter.client import Run
    from gpurun_jupyter.core.runs import Run as RunRecord

#: The widget is changed at most this often, in seconds.
_REDRAW_S = 0.1


class NotebookView:
    """A cli.follow.View that draws into the cell: the widget live, displays below, the summary when it is over."""

    def __init__(self, shell: Any, run: Run, live: bool = True) -> None:
        self.value: Result | None = None
        self.error: Error | None = None
        self._publisher = shell.display_pub
        self._record = run.record
        self._tail = Tail()
        self._published = 0
        self._display_id = f"gpurun-{run.id}-{uuid.uuid4().hex[:8]}"
        self._displays = CellDisplays(shell.display_pub, self._display_id, self._forget_text)
        self._widget = _widget_of(run) if live else None
        self._changed: set[str] = set()
        self._drawn_at = 0.0
        self._publish(update=False, with_widget=True)

    def run(self, record: RunRecord) -> None:
        """The run is now like this."""
        self._record = record
        self._changed.add("run")

    def event(self, event: AnyEvent) -> None:
        """Output goes into the view, displays below it; the value and the error are kept for the cell."""
        if isinstance(event, Output):
            self._displays.printed()
            self._tail.add(event.text)
            self._changed.add("output")
        elif isinstance(event, Display):
            self._displays.show(event)
            self._published += not event.update
        elif isinstance(event, Clear):
            self._displays.clear(event.wait)
        elif isinstance(event, Result):
            self.value = event
            self._published += 1
        elif isinstance(event, Error):
            self.error = event
            self._published += 1

    def note(self, text: str) -> None:
        """What the widget says of the connection; the extension's view has its own."""
        if self._widget is not None:
            self._widget.link = text

    def say(self, text: str) -> None:
        """A line of the cell's own."""
        print(text)

    def tick(self) -> None:
        """Draw what has changed, unless something was drawn just now."""
        if self._changed and time.monotonic() - self._drawn_at >= _REDRAW_S:
            self._draw()

    def end(self) -> None:
        """Leave what outlives the kernel: the summary, without the widget that would be gone in a fresh one."""
        self._draw()
        self._publish(update=True, with_widget=False)
        if self._widget is not None:
            self._widget.close()

    def _forget_text(self) -> None:
        self._tail = Tail()
        self._changed.add("output")

    def _draw(self) -> None:
        if self._widget is not None:
            with self._widget.hold_sync():
                if "run" in self._changed:
                    self._widget.run = summary(self._record)
                if "output" in self._changed:
                    self._widget.output = text_of(self._tail)
        self._changed.clear()
        self._drawn_at = time.monotonic()

    def _publish(self, update: bool, with_widget: bool) -> None:
        data, metadata = run_bundle(self._record, self._tail.text, self._published), {}
        if with_widget and self._widget is not None:
            of_widget, metadata = self._widget._repr_mimebundle_()
            data[WIDGET_MIME] = of_widget[WIDGET_MIME]
        transient = {"display_id": self._display_id}
        self._publisher.publish(data=data, metadata=metadata, transient=transient, update=update)


class RunValue:
    """The value of a run's last expression, as IPython displays it."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def __repr__(self) -> str:
        return str(self._result.data.get("text/plain", ""))

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return drawable(self._result.data), self._result.metadata


def _widget_of(run: Run) -> Any:
    from gpurun_jupyter.notebook import widget

    if not widget.is_built():
        return None
    return widget.RunWidget(run=summary(run.record), output={"text": "", "lines": 0})
