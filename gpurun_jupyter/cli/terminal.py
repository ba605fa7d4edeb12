"""The screen of a terminal: plain lines, and one bar at the bottom while a run is followed."""

from __future__ import annotations

import json
import os
import sys
from contextlib import AbstractContextManager
from typing import IO, TYPE_CHECKING, Any

import msgspec

from gpurun_jupyter.cli.streams import is_utf8
from gpurun_jupyter.core.events import START_OF_LOG, AnyEvent
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.texts import Texts
from gpurun_jupyter.views import words
from gpurun_jupyter.views.tail import last_redraw, plain

if TYPE_CHECKING:
    from rich.progress import Progress

    from gpurun_jupyter.client import Run
    from gpurun_jupyter.client.follow import Interrupt
    from gpurun_jupyter.core.runs import Run as RunRecord
    from gpurun_jupyter.views.tables import Table

_GAP = "  "
_DETAIL_WIDTH = 60


class TerminalScreen:
    """Results go to stdout, what is said about them to stderr; colours only where a person sees them."""

    def __init__(self, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._live = self._out.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self._live and not os.environ.get("NO_COLOR")

    def say(self, text: str) -> None:
        """One line about what is going on, to stderr."""
        print(text, file=self._err, flush=True)

    def text(self, text: str) -> None:
        """What a run printed, to stdout; without colours unless a person looks."""
        self._out.write(text if self._colours else _without_colours(text))
        self._out.flush()

    def tables(self, tables: list[Table]) -> None:
        """Aligned columns, titles at the left."""
        margin = max((len(table.title) for table in tables), default=0)
        for table in tables:
            self._table(table, margin)

    def values(self, values: dict[str, Any]) -> None:
        """Nothing: a terminal has no variables."""

    def json(self, value: Any) -> None:
        """Indented JSON, to stdout."""
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        if not is_utf8(self._out):
            text = json.dumps(json.loads(text), indent=2)  # ASCII, which nearly all encodings write as UTF-8 does
        print(text, file=self._out, flush=True)

    def follow(self, run: Run, interrupt: Interrupt, tail: int | None = None) -> RunRecord | None:
        """Print what the run prints until it has finished."""
        from gpurun_jupyter.client import follow

        with _LiveView(self._out) if self._live else _PlainView(self) as view:
            start = START_OF_LOG if tail is None else follow.catch_up(run, view, tail)
            record = follow.follow(run, view, interrupt, start)
        if record is None:
            self.say(
                f"Left {run.name}, it goes on. "
                f"`gpurun attach {run.id}` shows it again, `gpurun cancel {run.id}` ends it."
            )
        else:
            self.say(words.state_line(record))
        return record

    def _table(self, table: Table, margin: int) -> None:
        rows = table.rows if table.title or not table.rows else [table.columns, *table.rows]
        if not rows:
            rows = [(table.empty,)]
        widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(len(rows[0]))]
        for number, row in enumerate(rows):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            title = table.title if number == 0 else ""
            line = (f"{title.ljust(margin)}{_GAP}" if margin else "") + _GAP.join(cells)
            print(line.rstrip(), file=self._out)
        self._out.flush()


class _PlainView(AbstractContextManager["_PlainView"]):
    """For pipes and files: the run's own text and nothing else to stdout, changes of its state to stderr."""

    def __init__(self, screen: TerminalScreen) -> None:
        self._screen = screen
        self._texts = Texts()
        self._said = ""
        self._noted = ""

    def __exit__(self, *_: object) -> None:
        return None

    def run(self, record: RunRecord) -> None:
        """Say a change of state, but not each new time left."""
        line = words.state_line(record) if record.state is State.QUEUED else record.state.value
        if line != self._said and record.state is not State.FINISHED:  # its end is said by who follows
            self._screen.say(line if record.state is State.QUEUED else words.state_line(record))
        self._said = line

    def event(self, event: AnyEvent) -> None:
        """Print it."""
        if text := self._texts.of(event):
            self._screen.text(text)

    def note(self, text: str) -> None:
        """Say it once, however often it is tried."""
        if text and text != self._noted:
            self._screen.say(text)
        self._noted = text

    def say(self, text: str) -> None:
        """Say it."""
        self._screen.say(text)

    def tick(self) -> None:
        """Nothing was put off."""


class _LiveView(AbstractContextManager["_LiveView"]):
    """For a person: whole lines scroll by above a bar, beside which stands the line being redrawn."""

    def __init__(self, out: IO[str]) -> None:
        from rich.console import Console  # only where a person watches
        from rich.progress import BarColumn, Progress, TextColumn

        self._texts = Texts()
        self._console = Console(file=out, highlight=False)  # rich would colour numbers that a run prints
        self._progress: Progress = Progress(
            TextColumn("{task.description}", markup=False),  # names may have brackets
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, detail="")
        self._record: RunRecord | None = None
        self._line = ""
        self._note = ""

    def __enter__(self) -> _LiveView:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._print(self._line)  # above the bar, which is taken away
        self._progress.stop()

    def run(self, record: RunRecord) -> None:
        """Draw the bar anew."""
        self._record = record
        self._draw()

    def event(self, event: AnyEvent) -> None:
        """Print the lines that are whole; keep the begun one for the bar."""
        whole, newline, begun = (self._line + self._texts.of(event)).rpartition("\n")
        self._line = begun
        if newline:
            self._print(whole)

    def note(self, text: str) -> None:
        """Show it beside the bar."""
        self._note = text
        self._draw()

    def say(self, text: str) -> None:
        """Print it above the bar."""
        self._print(text)

    def tick(self) -> None:
        """Show the time and the line being redrawn."""
        self._draw()

    def _print(self, text: str) -> None:
        from rich.text import Text

        if text:
            lines = "\n".join(last_redraw(line) for line in text.split("\n"))
            # Else rich breaks lines at the present width, for good.
            self._console.print(Text.from_ansi(lines), soft_wrap=True)

    def _draw(self) -> None:
        if self._record is None:
            return
        progress = self._record.progress
        fraction = progress.fraction if progress else None
        bars = " ".join(words.bars(self._record))
        detail = self._note or bars or plain(self._line)
        self._progress.update(
            self._task,
            description=words.state_line(self._record),
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
            detail=detail[-_DETAIL_WIDTH:],
        )


def _without_colours(text: str) -> str:
    return plain(text) if "\x1b" in text else text
