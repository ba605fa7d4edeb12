"""The live connection as a client sees it: server-sent events, read by a thread, resumed wherever it broke.

A stream that closes says nothing about a run: only a `run` frame that says finished does.
"""

from __future__ import annotations

import contextlib
import queue
import random
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import msgspec

from gpurun_jupyter.client.http import Broken, Connection, Params
from gpurun_jupyter.core.errors import GpurunError, ServerUnreachable, StorageUnusable, from_code
from gpurun_jupyter.core.events import START_OF_LOG, AnyEvent, Cursor, event_on
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import Run

if TYPE_CHECKING:
    from typing_extensions import Self

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
#: Frames read ahead; more stay in the socket: a slow reader slows the sending, nothing else.
_READ_AHEAD = 64


class _Frame(msgspec.Struct, tag_field="type"):
    """What every message of the live connection has."""


class RunFrame(_Frame, tag="run"):
    """A watched run as it is now."""

    run: Run


class RunsFrame(_Frame, tag="runs"):
    """The newest runs at first, then those that changed."""

    runs: list[Run]


class EventsFrame(_Frame, tag="events"):
    """Events of a watched run; `cursor` is the place after them."""

    run: str
    cursor: str
    events: list[msgspec.Raw]

    def known(self) -> Iterator[AnyEvent]:
        """The events, without kinds that only a newer server knows."""
        # From where is no matter here: the places are thrown away.
        return (event for _, event in self.placed(START_OF_LOG))

    def placed(self, before: Cursor) -> Iterator[tuple[Cursor, AnyEvent]]:
        """The events with the place after each, where the frame began at `before`.

        Where the lengths do not tell the places (they were written anew), all but the last say `before`.
        """
        after, sizes = Cursor.parse(self.cursor), [len(bytes(raw)) + 1 for raw in self.events]
        if after.attempt != before.attempt:
            before = Cursor(after.attempt, 0)  # a frame holds events of one attempt
        exact = after.offset == before.offset + sum(sizes)
        offset = before.offset
        for number, raw in enumerate(self.events, 1):
            offset += sizes[number - 1]
            place = after if number == len(sizes) else before._replace(offset=offset) if exact else before
            if (event := event_on(bytes(raw))) is not None:
                yield place, event


class ErrorFrame(_Frame, tag="error"):
    """The server cannot show what was asked for."""

    error: dict[str, str]


class BeatFrame(_Frame, tag="beat"):
    """Nothing happened, and the connection lives."""


class Connected(NamedTuple):
    """The connection stands (again): what happened while it did not may have been missed, but for events."""


class Reconnecting(NamedTuple):
    """The connection broke and is tried again; the run goes on meanwhile."""

    why: str


Frame = RunFrame | RunsFrame | EventsFrame | BeatFrame | Connected | Reconnecting
_Sent = RunFrame | RunsFrame | EventsFrame | ErrorFrame | BeatFrame
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Sent)


class Message(NamedTuple):
    """One server-sent event."""

    event: str
    id: str
    data: str


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut at newlines only (httpx also cuts at U+2028, which JSON may hold); a torn last line is dropped."""
    rest: list[bytes] = []  # not one `bytes`: a line of megabytes comes in thousands of pieces
    for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for line in whole:
            rest.append(line)
            yield b"".join(rest)
            rest.clear()
        rest.append(last)


def messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """The server-sent events in a body that comes in pieces; comments and unknown fields are passed over."""
    fields: dict[str, list[str]] = {}
    for raw in lines(chunks):
        line = raw.removesuffix(b"\r").decode("utf-8", "replace")
        if line:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
        elif "data" in fields:
            event, number = fields.get("event", ["message"])[-1], fields.get("id", [""])[-1]
            yield Message(event, number, "\n".join(fields["data"]))
            fields = {}
        else:
            fields = {}


class Accepted:
    """The stream that came as the answer to a submission: the run as it was accepted, and what follows.

    Raises ServerUnreachable where it breaks off before it has said which run it is of.
    """

    def __init__(self, connection: Connection, response: httpx.Response) -> None:
        self.response = response
        self._messages = messages(response.iter_bytes())
        with connection.reading():
            first = next((frame for frame in self.frames() if isinstance(frame, RunFrame)), None)
        if first is None:
            raise Broken("The server broke off its answer.", "Look at `%gpurun runs` whether the run is there.")
        self.run = first.run

    def frames(self) -> Iterator[RunFrame | RunsFrame | EventsFrame | BeatFrame]:
        """What has not been read yet. Raises what an error frame says."""
        return (frame for message in self._messages if (frame := _decoded(message.data)) is not None)


class Live:
    """The live connection: `frames()` yields what comes, for ever or until the watched run has finished.

    A thread reads: the caller can be interrupted, or look at the clock, without breaking the connection.
    """

    def __init__(
        self,
        connection: Connection,
        watch: Params | None = None,
        run_id: str = "",
        cursor: Cursor = START_OF_LOG,
        accepted: Accepted | None = None,
    ) -> None:
        self._connection = connection
        self._accepted = accepted  # read before a connection of its own is opened
        self._watch = watch or []
        self._run_id = run_id
        self._cursor = str(cursor)
        self._frames: queue.Queue[Frame | GpurunError | None] = queue.Queue(_READ_AHEAD)
        self._closed = threading.Event()
        self._response: httpx.Response | None = None
        # A daemon: an open view must not keep Python from ending.
        self._thread = threading.Thread(target=self._read, name="gpurun-live", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        if self._response is not None:
            _hang_up(self._response)

    def frames(self, tick_s: float | None = None) -> Iterator[Frame | None]:
        """What comes, and None whenever nothing came for `tick_s` seconds. Raises what the server refuses."""
        while True:
            try:
                frame = self._frames.get(timeout=tick_s)
            except queue.Empty:
                yield None
                continue
            if frame is None:
                return
            if isinstance(frame, GpurunError):
                raise frame
            yield frame

    def _read(self) -> None:
        """Connect, pass on, connect again with growing pauses, until the run's end or nobody listens."""
        pause_s = _FIRST_PAUSE_S
        while not self._closed.is_set():
            try:
                for frame in self._connect():
                    if not isinstance(frame, Connected):  # one that ends at once is no better than none
                        pause_s = _FIRST_PAUSE_S
                    self._put(frame)
                    if isinstance(frame, RunFrame) and frame.run.state is State.FINISHED:
                        return self._put(None)
                    if self._closed.is_set():
                        return None
                why = "the server closed the connection"
            except (ServerUnreachable, StorageUnusable) as error:  # a database that is away comes back
                why = error.message
            except GpurunError as error:
                return self._put(error)
            self._put(Reconnecting(why))
            self._closed.wait(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - so that many clients do not come at once
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return None

    def _connect(self) -> Iterator[Frame]:
        with self._opened() as (response, frames):
            self._response = response
            yield Connected()
            for frame in frames:
                yield frame  # first: what was not passed on is asked for again
                if isinstance(frame, EventsFrame):
                    self._cursor = frame.cursor

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[httpx.Response, Iterator[Frame]]]:
        accepted, self._accepted = self._accepted, None
        if accepted is not None:
            with contextlib.closing(accepted.response), self._connection.reading():
                yield accepted.response, accepted.frames()
            return
        params = [*self._watch, *([("run", f"{self._run_id}@{self._cursor}")] if self._run_id else [])]
        with self._connection.stream("stream", params, "text/event-stream") as response:
            frames = (frame for message in messages(response.iter_bytes()) if (frame := _decoded(message.data)))
            yield response, frames

    def _put(self, item: Frame | GpurunError | None) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):  # who has left takes nothing more: look again
                return self._frames.put(item, timeout=0.5)
        return None


def _decoded(text: str) -> RunFrame | RunsFrame | EventsFrame | BeatFrame | None:
    """The frame; None for one that only a newer server knows, or that is damaged. Raises what an error frame says."""
    try:
        frame: _Sent = _decoder.decode(text)
    except msgspec.DecodeError:  # no JSON, or an unknown `type`
        return None
    if isinstance(frame, ErrorFrame):
        said = frame.error
        raise from_code(said.get("code", ""), said.get("message", "The server refused."), said.get("hint", ""))
    return frame


def _hang_up(response: httpx.Response) -> None:
    """Wake the thread that reads this response: it would otherwise sit there until the next beat."""
    wire = response.extensions.get("network_stream")
    connected = wire.get_extra_info("socket") if wire is not None else None
    if connected is not None:
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)  # to close a socket does not wake who reads from it
