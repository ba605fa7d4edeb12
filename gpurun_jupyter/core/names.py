"""What names and texts may be: patterns for msgspec and, in openapi.json, for everybody.

They end in `$(?!\\n)` because to Python `$` also is the place before a last newline; to others it says nothing more.
Names are parts of paths and addresses, where `.` and `..` mean something else.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from typing import Annotated

import msgspec

_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without those that look alike
_LONGEST = 100
_NAME = r"^(?!\.\.?$)[^\x00-\x1f/\\]+$(?!\n)"
_RUN_NAME = r"^(?!\.\.?(/[0-9]+)?$)[^\x00-\x1f/\\]+(/[0-9]+)?$(?!\n)"
_ATTEMPT_KEY = r"^(?!\.\.?/)[^\x00-\x1f/\\]+/[0-9]{1,9}$(?!\n)"
_RUN_ID = r"^[a-z][a-z0-9]{7}$(?!\n)"
_RULES = {
    _ATTEMPT_KEY: "the id of a run, a slash, and the number of an attempt",
    _RUN_ID: "the id of a run, eight letters and digits",
    _NAME: "a name on one line, without slashes, that is neither '.' nor '..'",
    _RUN_NAME: "a name on one line, without slashes but for the number of a sweep, that is neither '.' nor '..'",
}

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST, pattern=_NAME)]
#: A text that every database takes.
Text = Annotated[str, msgspec.Meta(max_length=10_000, pattern=r"^[^\x00]*$")]
#: As `new_run_id` makes them.
RunId = Annotated[str, msgspec.Meta(pattern=_RUN_ID)]
#: The name of a run; those of a sweep are NAME/1, NAME/2.
RunName = Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST, pattern=_RUN_NAME)]
#: An attempt, as its agent and its server call it: RUN/NUMBER.
AttemptKey = Annotated[str, msgspec.Meta(max_length=120, pattern=_ATTEMPT_KEY)]


def new_run_id() -> str:
    """Eight letters and digits, a letter first, so that it is never taken for a number or an option."""
    first = secrets.choice(_ID_LETTERS[:24])
    return first + "".join(secrets.choice(_ID_LETTERS) for _ in range(7))


def told(problem: msgspec.ValidationError) -> str:
    """What msgspec says of a value that does not fit, with the patterns of names in words."""
    text = str(problem)
    for pattern, rule in _RULES.items():
        text = text.replace(f"`str` matching regex {pattern!r}", rule)
    return text


def mended(name: str) -> str:
    """A name that an earlier gpurun accepted, as one that can be."""
    name = name.rstrip("\n")
    return name.replace(".", "_") if name.partition("/")[0] in (".", "..") else name


def fitting(name: str, default: str) -> str:
    """A name from elsewhere as one that can be, with dashes for what it may not hold; else the default."""
    found = re.sub(r"[\x00-\x1f/\\]+", "-", name).strip(" -")[:_LONGEST].rstrip()
    return default if found in ("", ".", "..") else found


def listed(texts: Iterable[str], known: Collection[str]) -> list[str]:
    """The names in texts that each hold one or, with commas between them, several.

    A name may hold commas itself: wherever one begins, the longest that is known is meant.
    """
    return list(dict.fromkeys(name for text in texts for name in _listed(text, known)))


def _listed(text: str, known: Collection[str]) -> Iterator[str]:
    parts, most = text.split(","), 1 + max((name.count(",") for name in known), default=0)
    while parts:
        lengths = range(min(most, len(parts)), 1, -1)
        length = next((length for length in lengths if ",".join(parts[:length]) in known), 1)
        yield ",".join(parts[:length])
        del parts[:length]
