"""The event log: one JSON object a line, a closed list of kinds, readable for ever.

`t` is seconds since the epoch, `m` monotonic seconds since the attempt began; elapsed times use `m`, because clocks of
machines differ. A place in a run's log is a `Cursor`, written `attempt:byte-offset`, always at a line's start.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.manifests import Digest
from gpurun_jupyter.core.names import RunId, RunName, Text
from gpurun_jupyter.core.numbers import Number
from gpurun_jupyter.core.system.records import UNREADABLE

FORMAT_VERSION = 1
#: Runners write no line that is longer: what is, is damage, and nobody has to hold it in memory.
LONGEST_LINE_BYTES = 32 * 2**20

Amount = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
#: As databases and browsers know them; JSON may have any.
Int = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]


class Event(msgspec.Struct, kw_only=True, tag_field="kind", omit_defaults=True):
    """What every line of a log has."""

    t: float = 0.0
    m: float = 0.0


class Start(Event, tag="start"):
    """The attempt began: which one, in which process, on which devices."""

    v: Int
    attempt: Int
    pid: Int
    devices: list[str]


class Output(Event, tag="output"):
    """Text that the run printed; `stream` is stdout or stderr."""

    stream: Literal["stdout", "stderr"]
    text: str


class Clear(Event, tag="clear"):
    """The cell cleared its output; with `wait`, not before the next output."""

    wait: bool = False


class Display(Event, tag="display"):
    """A displayed object as a mime bundle; `update` replaces the earlier one with the same `display_id`."""

    data: dict[str, Any]
    metadata: dict[str, Any] = {}
    display_id: str | None = None
    update: bool = False


class Cell(Event, tag="cell"):
    """A notebook's code cell begins: `number` of `total` (from 1), `index` among all of its cells (from 0)."""

    number: Int
    total: Int
    index: Int
    code: str


class Result(Event, tag="result"):
    """The value of a cell's last expression, as a mime bundle."""

    data: dict[str, Any]
    metadata: dict[str, Any] = {}


class Error(Event, tag="error"):
    """A cell raised: the exception's name and value, and the traceback's lines with their ANSI colours."""

    name: str
    value: str
    traceback: list[str]


class Progress(Event, tag="progress"):
    """The present state of one bar. `rate` is items a second, `left_s` seconds; without `total` no end is known.

    `by` is the reader that found it, where the run did not say so itself.
    """

    id: str
    parent: str | None = None
    label: str = ""
    done: float = 0.0
    total: float | None = None
    rate: float | None = None
    left_s: float | None = None
    by: Text = ""


class Metric(Event, tag="metric"):
    """Values that were logged together, such that are not finite as words; `step` is None where the run named none.

    `by` is the reader that found them, where the run did not log them itself. Of the metrics `anew` count no values
    that were told before: a reader that knew less had found them.
    """

    values: dict[str, Number]
    step: float | None = None
    by: Text = ""
    anew: list[Text] = []


class Parameters(Event, tag="parameters"):
    """Hyperparameters that the run's own code logged, beside those that the run was told; `by` as of a metric."""

    values: dict[Text, str | bool | int | float]
    by: Text = ""


class DeviceSample(msgspec.Struct, omit_defaults=True):
    """A device at one moment: `util` percent, `mem` of `total` bytes in use; `label` is gpu0, `name` the card's."""

    id: str
    util: float | None = None
    mem: Int | None = None
    total: Int | None = None
    label: str = ""
    name: str = ""


class Sample(Event, tag="sample"):
    """What the run uses: its devices, and `rss`, the bytes of memory that its processes hold together."""

    devices: list[DeviceSample] = []
    rss: Int = 0


class Checkpoint(Event, tag="checkpoint"):
    """A checkpoint was kept: its name in the checkpoint directory, the step and values that belong to it.

    `modified_ns` is when it was last changed, in nanoseconds since the epoch: is that still so, it is this one.
    """

    path: str
    step: float | None = None
    values: dict[str, Number] = {}
    modified_ns: Int | None = None


class Artifact(Event, tag="artifact"):
    """Something that the run left: a variable, or a file at `path` in its working directory. `size` is bytes."""

    digest: str
    size: Int
    path: str | None = None
    variable: str | None = None
    type: str = ""


class Model(Event, tag="model"):
    """The run registered a version of the model `name`: its files by their manifest, their number and bytes in all."""

    name: Text
    manifest: Digest
    files: Amount
    size: Amount
    values: dict[Text, Number] = {}
    type: Text = ""
    framework: Text = ""
    description: Text = ""
    alias: Text | None = None


class Meta(Event, tag="meta"):
    """Facts about the run that another tool announced, such as an MLflow tag; one that is null is taken back."""

    values: dict[str, Any]


class End(Event, tag="end"):
    """The last line: how and why the attempt ended."""

    outcome: Outcome
    reason: Reason
    exit_code: Int | None = None
    message: str = ""


class Child(Event, tag="child"):
    """Something was logged to a child of the run, such as a nested run of MLflow: what would stand in its own log.

    `run` is the child's id; `parent` that of the child in which it is nested, None for the run itself.
    """

    run: RunId
    event: Start | Metric | Parameters | Meta | End
    name: RunName | None = None
    parent: RunId | None = None


AnyEvent = (
    Start
    | Output
    | Clear
    | Cell
    | Display
    | Result
    | Error
    | Progress
    | Metric
    | Parameters
    | Sample
    | Checkpoint
    | Artifact
    | Model
    | Meta
    | Child
    | End
)

#: How each line begins.
BEGINNING = b'{"kind":"'  # msgspec writes the tag first
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode_line(event: Event) -> bytes:
    """The event as one line of a log, newline included."""
    return _encoder.encode(event) + b"\n"


def opening(kind: str) -> bytes:
    """How each line of a kind begins: most lines need not be decoded to be told apart."""
    return BEGINNING + f'{kind}"'.encode()


def decode_line(line: bytes | str) -> AnyEvent:
    """The event on one line of a log. Raises msgspec.DecodeError for what is not an event."""
    return _decoder.decode(line)


def event_on(line: bytes) -> AnyEvent | None:
    """The event on a line; None where there is none: the line is damaged, or of a kind that only a newer gpurun knows.

    A run can write into its own log, so who reads a log reads it with this.
    """
    try:
        if not line.isascii():
            line.decode()  # the decoder does not look at what it skips, and a browser would
        return _decoder.decode(line)
    except UNREADABLE:
        return None


def sound_part(line: bytes) -> bytes | None:
    """What of a line is an event: all of it, or what was appended to the half of another line; else None."""
    if event_on(line) is not None:
        return line
    begin = line.rfind(BEGINNING)
    return line[begin:] if begin > 0 and event_on(line[begin:]) is not None else None


#: More than any attempt or log has, and less than files can count.
_CURSOR_DIGITS = 18


class Cursor(NamedTuple):
    """A place in a run's log: the attempt (from 1) and a byte offset at a line's start."""

    attempt: int
    offset: int

    def __str__(self) -> str:
        return f"{self.attempt}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor written `attempt:offset`. Raises InvalidRequest."""
        attempt, _, offset = text.partition(":")
        # `isdecimal` takes the digits of other scripts too.
        whole = all(part.isdecimal() and part.isascii() and len(part) <= _CURSOR_DIGITS for part in (attempt, offset))
        if not whole or not int(attempt):
            raise InvalidRequest(f"{text!r} is not a cursor.", "A cursor is attempt:offset, such as 1:0.")
        return cls(int(attempt), int(offset))


START_OF_LOG = Cursor(1, 0)
