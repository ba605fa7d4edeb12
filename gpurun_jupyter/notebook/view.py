"""The view of one run in a cell's output: one display that is fed while the run goes on and left calm at the end."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from gpurun_jupyter.client.widgets import in_a_thread
from gpurun_jupyter.core.events import AnyEvent, Clear, Display, Error, Output, Result
from gpurun_jupyter.notebook.displays import CellDisplays, drawable
from gpurun_jupyter.notebook.elsewhere import is_elsewhere
from gpurun_jupyter.views.bundle import RUN_MIME, WIDGET_MIME, run_bundle, summary
from gpurun_jupyter.views.feed import WidgetFeed

if TYPE_CHECKING:
    from gpurun_jupyter.client import Run
    from gpurun_jupyter.core.runs import Run as RunRecord


class NotebookView:
    """A client.follow.View that draws into the cell: the widget live, displays below, the summary when it is over.

    `waits` says that the cell waits for the run and shows its displays, value and error itself.
    """

    def __init__(self, shell: Any, run: Run, waits: bool = True) -> None:
        self.value: Result | None = None
        self.error: Error | None = None
        self._publisher = shell.display_pub
        self._published: int | None = 0 if waits else None
        self._display_id = f"gpurun-{run.id}-{uuid.uuid4().hex[:8]}"  # a run may be shown in several cells
        self._elsewhere = is_elsewhere(run.id)
        self._feed = WidgetFeed(run.record, _widget_of(run))
        self._displays = CellDisplays(shell.display_pub, self._display_id)
        self._publish(update=False, with_widget=True)

    def run(self, record: RunRecord) -> None:
        """The run is now like this."""
        self._feed.run(record)

    def event(self, event: AnyEvent) -> None:
        """Output goes into the view, displays below it; the value and the error are kept for the cell."""
        self._feed.event(event)
        if self._published is None:
            return
        if isinstance(event, Output):
            self._displays.printed()
        elif isinstance(event, Clear):
            self._displays.clear(event.wait)
        elif isinstance(event, Display):
            self._displays.show(event)
            self._published += not event.update
        elif isinstance(event, Result):
            self.value = event
            self._published += 1
        elif isinstance(event, Error):
            self.error = event
            self._published += 1

    def note(self, text: str) -> None:
        """What the widget says of the connection."""
        self._feed.note(text)

    def say(self, text: str) -> None:
        """A line of the cell's own."""
        self._feed.say(text)

    def tick(self) -> None:
        """Draw what has changed, unless something was drawn just now."""
        self._feed.tick()

    def end(self) -> None:
        """Leave what outlives the kernel: the summary, without the widget that would be gone in a fresh one."""
        self._feed.draw()
        self._publish(update=True, with_widget=False)
        if self._feed.widget is not None:
            self._feed.widget.close()  # once the display does not show it any more

    def _publish(self, update: bool, with_widget: bool) -> None:
        feed = self._feed
        data, metadata = run_bundle(feed.record, feed.tail, self._published, feed.facts.checkpoint), {}
        if self._elsewhere:
            del data[RUN_MIME]  # the page would look for it on its own server, and prefer that to the widget
        if with_widget and feed.widget is not None:
            of_widget, metadata = feed.widget._repr_mimebundle_()
            data[WIDGET_MIME] = of_widget[WIDGET_MIME]
        transient = {"display_id": self._display_id}
        self._publisher.publish(data=data, metadata=metadata, transient=transient, update=update)


def leave_in_the_cell(shell: Any, run: Run) -> None:
    """Show the run without waiting for it; a thread keeps the view up to date."""
    view = NotebookView(shell, run, waits=False)
    in_a_thread(run, view, view.end)


class RunValue:
    """The value of a run's last expression, as IPython displays it."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def __repr__(self) -> str:
        return str(self._result.data.get("text/plain", ""))

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return drawable(self._result.data), self._result.metadata


def _widget_of(run: Run) -> Any:
    from gpurun_jupyter.views import widget

    if not widget.is_built():
        return None
    return widget.RunWidget(summary(run.record))
