"""The screen of a notebook, and what a cell shows on it or, in a terminal IPython, on the terminal."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gpurun_jupyter.cli.screen import Screen
from gpurun_jupyter.cli.terminal import TerminalScreen
from gpurun_jupyter.client.follow import Interrupt, catch_up, follow
from gpurun_jupyter.core.events import START_OF_LOG
from gpurun_jupyter.core.lifecycle import Outcome
from gpurun_jupyter.notebook.displays import drawable
from gpurun_jupyter.notebook.faults import cell_failed
from gpurun_jupyter.notebook.view import NotebookView, RunValue, leave_in_the_cell
from gpurun_jupyter.views import words
from gpurun_jupyter.views.tables import Table, table_html
from gpurun_jupyter.views.tail import plain

if TYPE_CHECKING:
    from gpurun_jupyter.client import Run
    from gpurun_jupyter.core.runs import Run as RunRecord


def screen_of(shell: Any) -> Screen:
    """A notebook's screen in a kernel, a terminal's in an IPython without one."""
    return TerminalScreen() if getattr(shell, "kernel", None) is None else NotebookScreen(shell)


def show_detached(screen: Screen, run: Run) -> None:
    """Show the run as it is and leave it."""
    if isinstance(screen, NotebookScreen):
        leave_in_the_cell(screen.shell, run)
    else:
        screen.say(f"{words.state_line(run.record)} (id {run.id})")


def show_waiting(screen: Screen, run: Run) -> RunValue | None:
    """Show the run to its end and return its value. Raises CellFailed if it did not succeed."""
    if isinstance(screen, NotebookScreen):
        return screen.wait(run)
    record = screen.follow(run, "stop")
    _check(run, record, None)
    return None


class NotebookScreen:
    """The output of the cell that is running."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell

    def say(self, text: str) -> None:
        """One line of the cell's own."""
        print(text)

    def text(self, text: str) -> None:
        """What a run printed; a notebook draws its colours."""
        print(text, end="")

    def tables(self, tables: list[Table]) -> None:
        """Small HTML tables, and the same as text."""
        rows = [[table.title, *(_GAP.join(row).rstrip() for row in table.rows or [(table.empty,)])] for table in tables]
        data = {
            "text/html": "".join(table_html(table) for table in tables),
            "text/plain": "\n".join("\n".join(line for line in lines if line) for lines in rows),
        }
        self.shell.display_pub.publish(data=data)

    def values(self, values: dict[str, Any]) -> None:
        """They become variables of the notebook."""
        self.shell.push(values)

    def json(self, value: Any) -> None:
        """Indented JSON as text."""
        print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())

    def follow(self, run: Run, interrupt: Interrupt, tail: int | None = None) -> RunRecord | None:
        """Show the view until the run has finished; its value and traceback stand below."""
        view = NotebookView(self.shell, run)
        try:
            start = START_OF_LOG if tail is None else catch_up(run, view, tail)
            record = follow(run, view, interrupt, start, self._is_shut_down)
        finally:
            view.end()
        if view.value is not None:
            self.shell.display_pub.publish(data=drawable(view.value.data), metadata=view.value.metadata)
        if view.error is not None:
            print("\n".join(view.error.traceback))
        if record is None:
            print(_left(run))
        return record

    def wait(self, run: Run) -> RunValue | None:
        """Show the view as a cell's own, return the value. Raises CellFailed if the run did not succeed."""
        view = NotebookView(self.shell, run)
        try:
            record = follow(run, view, "stop", leaving=self._is_shut_down)
        finally:
            view.end()
        _check(run, record, view)
        return RunValue(view.value) if view.value is not None else None

    def _is_shut_down(self) -> bool:
        """Whether the interrupt was the beginning of the kernel's end: Jupyter interrupts it before it is restarted.

        The request for that comes over another channel, a moment later.
        """
        with contextlib.suppress(KeyboardInterrupt):  # a second interrupt: nobody wants to wait for this
            give_up = time.monotonic() + _SHUTDOWN_S
            while not self.shell.exit_now and time.monotonic() < give_up:
                time.sleep(0.01)
        return bool(self.shell.exit_now)


_GAP = "  "
#: So long after an interrupt the kernel is asked to shut down, if that is what it was for; stopping a run waits for it.
_SHUTDOWN_S = 0.3


def _check(run: Run, record: RunRecord | None, view: NotebookView | None) -> None:
    """Fail the cell unless its run succeeded."""
    if record is None:
        raise click.ClickException(_left(run))
    if record.outcome is not Outcome.SUCCEEDED:
        error = view.error if view else None
        raise cell_failed(record, error, plain(words.state_line(record)))


def _left(run: Run) -> str:
    return f"Left {run.name}, it goes on. %gpurun attach {run.id} shows it again, %gpurun cancel {run.id} ends it."
