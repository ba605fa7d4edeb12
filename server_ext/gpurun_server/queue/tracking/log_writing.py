"""Writing to the logs of logged runs: what is logged is appended to a file at once, the database hears of it later.

Whoever reads on this server has what was logged before taken in first. What is known of a run is remembered, because
a client logs hundreds of times a second; its folder says whether it was deleted meanwhile, and its log which parameters
there are, whichever server wrote them.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import RunNotFound
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import LOGGED_KIND
from gpurun_server.queue.intake import logged_runs
from gpurun_server.store.database import Database
from gpurun_server.store.folders.logs import read_lines
from gpurun_server.store.tables import attempts, runs

_PARAMETERS = events.opening("parameters")
_CHUNK_BYTES = 2**20
_MOST_KNOWN = 10_000  # runs
_GOING_ON = (
    sa.select(runs.c.id, attempts.c.ingested_offset)
    .join(attempts, attempts.c.run_id == runs.c.id)
    .where(runs.c.kind == LOGGED_KIND, runs.c.state == State.RUNNING.value)
)


@dataclass
class KnownRun:
    """What is remembered of a run that may be written to; `params` as its log has them up to `offset`."""

    owner: str
    began_at: float
    params: dict[str, str] = field(default_factory=dict)
    offset: int = 0


class LogWriting:
    """One for each process; calls come from several threads."""

    def __init__(self, home: Home, database: Database) -> None:
        self._home = home
        self._database = database
        self._known: dict[str, KnownRun] = {}
        self._grown: set[str] = set()  # logs, by their runs, that the database does not know to their ends
        self._changing = threading.Lock()
        self._taking = threading.Lock()
        #: Projects by owner and the id of the experiment, which stands for the same name for ever.
        self.projects: dict[tuple[str, str], str] = {}
        #: Called when a log has grown, in whatever thread.
        self.when_grown: Callable[[], None] = lambda: None

    def known(self, run_id: str, owner: str) -> KnownRun | None:
        """What is remembered of an owner's run, if it is there still and not deleted."""
        known = self._known.get(run_id)
        if known is None or known.owner != owner:
            return None
        folder = self._home.run(run_id)
        if os.path.lexists(folder.deleted) or not os.path.lexists(folder.record):
            self._known.pop(run_id, None)
            return None
        return known

    def remember(self, run_id: str, known: KnownRun) -> KnownRun:
        """Remember a run that may be written to."""
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[run_id] = known
        return known

    def parameters(self, run_id: str, known: KnownRun) -> dict[str, str]:
        """The parameters that a run has, as its log says by now."""
        log = self._home.attempt(run_id, 1).events
        with self._changing:  # else two threads would read the same stretch, and forget one
            while True:
                lines, end = read_lines(log, known.offset, _CHUNK_BYTES)
                if end == known.offset:
                    return dict(known.params)
                known.offset = end
                for line in lines:
                    if line.startswith(_PARAMETERS) and isinstance(found := events.event_on(line), events.Parameters):
                        known.params |= {name: _text(value) for name, value in found.values.items()}

    def append(self, run_id: str, happened: Iterable[events.Event]) -> None:
        """Add to the log of a run."""
        logged_runs.append(self._home, run_id, list(happened))
        self.has_grown(run_id)

    def has_grown(self, run_id: str) -> None:
        """Take in what its log has by now, soon."""
        with self._changing:
            self._grown.add(run_id)
        self.when_grown()

    def catch_up(self) -> None:
        """Take in what a server that was killed had only written down."""
        with self._database.read() as conn:
            going_on = conn.execute(_GOING_ON).all()
        for run_id, offset in going_on:
            with contextlib.suppress(OSError):
                if self._home.attempt(run_id, 1).events.stat().st_size > offset:
                    with self._changing:
                        self._grown.add(run_id)
        self.take_in()

    def take_in(self) -> None:
        """Have the database know what was logged until now."""
        with self._taking:  # whoever comes while another takes in waits until it is there
            with self._changing:
                grown, self._grown = self._grown, set()
            if not grown:
                return
            try:
                self._take_in(grown)
            except BaseException:
                with self._changing:
                    self._grown |= grown
                raise

    def _take_in(self, grown: set[str]) -> None:
        with self._database.write() as writing:
            for run_id in sorted(grown):
                try:
                    logged_runs.take_in(writing, self._home, run_id)
                except RunNotFound:  # it was deleted, and is gone
                    self._known.pop(run_id, None)


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
