"""A run on a server as it goes on: seen, followed, ended. What it left is asked of `runs.Run`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from gpurun_jupyter.client.stream import Accepted, EventsFrame, Live, lines
from gpurun_jupyter.core.events import START_OF_LOG, AnyEvent, Cursor, Start, event_on
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import Run as RunRecord

if TYPE_CHECKING:
    from typing_extensions import Self

    from gpurun_jupyter.client.http import Connection, Params


class LiveRun:
    """A run on the server. Its properties tell what was seen last; `refresh` looks again.

    Methods raise ServerUnreachable, NotAllowed and RunNotFound.
    """

    def __init__(self, connection: Connection, record: RunRecord, accepted: Accepted | None = None) -> None:
        self._connection = connection
        self.record = record
        self._accepted = accepted

    def __repr__(self) -> str:
        how = self.record.outcome or self.record.state
        return f"<Run {self.id} {self.name!r} {how.value}>"

    @property
    def id(self) -> str:
        """The run's id, for ever its own."""
        return self.record.id

    @property
    def name(self) -> str:
        """The run's name; a newer run may have the same."""
        return self.record.name

    @property
    def state(self) -> State:
        """Where the run is."""
        return self.record.state

    def refresh(self) -> Self:
        """Ask the server how the run is now."""
        self.record = self._connection.get(self._route(), RunRecord)
        return self

    def cancel(self, kill: bool = False) -> Self:
        """Interrupt the run; `kill`, or asking again, ends it. Raises WrongState if it has finished."""
        self.record = self._connection.post(f"{self._route()}/cancel", RunRecord, {"kill": True} if kill else {})
        return self

    def events(self, cursor: Cursor | str | None = None, follow: bool = False) -> Iterator[tuple[Cursor, AnyEvent]]:
        """The events after `cursor`, each with the place after it; with `follow`, until the run's end."""
        start = Cursor.parse(cursor) if isinstance(cursor, str) else cursor or START_OF_LOG
        return self._followed(start) if follow else self._logged(start)

    def live(self, cursor: Cursor = START_OF_LOG) -> Live:
        """The live connection to this run: a context manager whose `frames()` end with the run."""
        accepted, self._accepted = self._accepted, None  # an answer is read once
        if cursor != START_OF_LOG and accepted is not None:
            accepted.response.close()  # it begins at the log's beginning
            accepted = None
        return Live(self._connection, run_id=self.id, cursor=cursor, accepted=accepted)

    def changes(self) -> Live:
        """The live connection to all runs of the server: its frames tell changes, no events, without end."""
        return Live(self._connection, [("watch", "runs")])

    def _logged(self, cursor: Cursor) -> Iterator[tuple[Cursor, AnyEvent]]:
        for line in self._lines(cursor):
            event = event_on(line)
            # The logs of all attempts come as one, and places begin anew in each.
            if isinstance(event, Start) and event.attempt != cursor.attempt:
                cursor = Cursor(event.attempt, 0)
            cursor = cursor._replace(offset=cursor.offset + len(line) + 1)
            if event is not None:
                yield cursor, event

    def _followed(self, cursor: Cursor) -> Iterator[tuple[Cursor, AnyEvent]]:
        with self.live(cursor) as live:
            for frame in live.frames():
                if isinstance(frame, EventsFrame):
                    yield from frame.placed(cursor)
                    cursor = Cursor.parse(frame.cursor)

    def _lines(self, cursor: Cursor) -> Iterator[bytes]:
        params: Params = [("cursor", str(cursor))]
        with self._connection.stream(f"{self._route()}/events", params, "application/x-ndjson") as response:
            yield from (line for line in lines(response.iter_bytes()) if line)

    def _route(self) -> str:
        return f"runs/{quote(self.id, safe='')}"
