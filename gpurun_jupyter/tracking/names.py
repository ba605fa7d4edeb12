"""Names of runs: what clients give, as ours can be, and one for a run that was given none."""

from __future__ import annotations

import re
import secrets

_NOT_IN_NAMES = re.compile(r"[\x00-\x1f/\\]+")
_LONGEST = 100
_KINDS = (
    "bold",
    "bright",
    "calm",
    "clear",
    "eager",
    "fair",
    "keen",
    "kind",
    "lively",
    "neat",
    "proud",
    "quick",
    "sunny",
)
_THINGS = (
    "ash",
    "birch",
    "crane",
    "finch",
    "heron",
    "lark",
    "linden",
    "maple",
    "otter",
    "owl",
    "pine",
    "swift",
    "wren",
)


def run_named(said: str) -> str:
    """The name on one line, without slashes; a made one, such as `keen-heron-412`, where that leaves nothing."""
    name = _NOT_IN_NAMES.sub("-", said).strip()[:_LONGEST].strip()
    return name if name.strip(".-") else made_name()


def made_name() -> str:
    """A name as clients of MLflow expect one: two words and a number."""
    return f"{secrets.choice(_KINDS)}-{secrets.choice(_THINGS)}-{secrets.randbelow(900) + 100}"
