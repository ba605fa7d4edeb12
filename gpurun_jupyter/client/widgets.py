"""A run's widget, fed by a thread: it is live whatever the kernel does."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from gpurun_jupyter.client.follow import View, follow
from gpurun_jupyter.core.errors import FileMissing, GpurunError
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.views.bundle import summary
from gpurun_jupyter.views.feed import Closed, WidgetFeed

if TYPE_CHECKING:
    from gpurun_jupyter.client.live_run import LiveRun
    from gpurun_jupyter.views.widget import RunWidget


def live_widget(run: LiveRun) -> RunWidget:
    """A widget that a thread feeds until the run's end or its own. Raises FileMissing in a checkout without a build."""
    from gpurun_jupyter.views.widget import RunWidget, is_built

    if not is_built():
        raise FileMissing("The widget's script is not there.", "Build it: cd labextension && jlpm && jlpm build:prod.")
    widget = RunWidget(summary(run.record), on_stop=lambda: _stop(run, widget))
    feed = WidgetFeed(run.record, widget)
    in_a_thread(run, feed, feed.draw)
    return widget


def in_a_thread(run: LiveRun, view: View, at_the_end: Callable[[], None]) -> threading.Thread:
    """Follow the run in a thread that does not keep the kernel from ending; displays belong to the present cell."""

    def go_on() -> None:
        try:
            follow(run, view, "detach")
            at_the_end()
        except Closed:  # nobody sees it any more
            pass
        except GpurunError as error:
            view.note(str(error))

    thread = threading.Thread(target=contextvars.copy_context().run, args=[go_on], daemon=True, name=f"gpurun-{run.id}")
    thread.start()
    return thread


def _stop(run: LiveRun, widget: RunWidget) -> None:
    """First interrupt it, then kill it."""
    try:
        run.cancel(kill=run.state is State.STOPPING)
        widget.link = ""
    except GpurunError as error:
        widget.link = str(error)
