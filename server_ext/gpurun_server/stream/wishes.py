"""What the client of a live connection asks for."""

from __future__ import annotations

from typing import Literal

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.events import START_OF_LOG

_MOST_LINES = 100_000


class Watch(msgspec.Struct, forbid_unknown_fields=True):
    """What a client asks for: to watch the runs, the devices, the models, or one run from a cursor or last lines on."""

    watch: Literal["runs", "devices", "models", "run"]
    run: str | None = None
    cursor: str = str(START_OF_LOG)


class Unwatch(msgspec.Struct, forbid_unknown_fields=True):
    """What a client no longer wants."""

    unwatch: Literal["runs", "devices", "models", "run"]
    run: str | None = None


def wish_in(message: str | bytes) -> Watch | Unwatch:
    """The wish in a message, which is one JSON object. Raises InvalidRequest."""
    text = message.encode() if isinstance(message, str) else message
    try:
        found = msgspec.json.decode(text)
        kind: type[Watch | Unwatch] = Unwatch if isinstance(found, dict) and "unwatch" in found else Watch
        return msgspec.convert(found, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"That is not something to watch: {error}.", "docs/http.md lists what is.") from error


def lines_wanted(cursor: str) -> int:
    """The number in `tail:500`; 0 where it is a place. Raises InvalidRequest."""
    kind, _, number = cursor.partition(":")
    if kind != "tail":
        return 0
    # `int` takes more: signs, underscores, digits of other scripts, and as many as one likes
    whole = number.isascii() and number.isdecimal() and len(number) <= len(str(_MOST_LINES))
    if not (whole and 0 < int(number) <= _MOST_LINES):
        raise InvalidRequest(f"{cursor!r} is not a cursor.", f"For the last lines: tail:1 to tail:{_MOST_LINES}.")
    return int(number)
