"""Labels: what machines are called and what they can, and what runs ask for by them.

A label is a word that somebody gave a machine (`a100`), or says what it has: `kernel:ir`, `framework:torch`,
`model:llama-3`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest

#: What a machine has to be called or to have, several with commas; models' names may have a slash.
On = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\\]+$(?!\n)")]

KERNEL = "kernel"
MODEL = "model"
LINK = "link"
#: The label of a machine to which secrets may be sent: it is the server's own, or its link is encrypted.
PRIVATE = f"{LINK}:private"
#: What stands before the colon of a label that says what a machine has; an installation may bring it at any time.
KINDS = (KERNEL, "framework", MODEL, LINK)

_FITS = re.compile(r"[^\x00-\x1f\\,]{1,200}")


@lru_cache(maxsize=4096)  # placement asks this of each run that waits
def asked(on: str | None, kernel: str | None) -> tuple[str, ...]:
    """What a machine has to be called or to have, all of it, for a run with this `on` (`a100,framework:torch`)."""
    named = [part.strip() for part in (on or "").split(",")]
    named += [f"{KERNEL}:{kernel.lower()}"] if kernel else []  # as Jupyter looks for kernelspecs
    return tuple(dict.fromkeys(name for name in named if name))


def kind_of(label: str) -> tuple[str | None, str]:
    """`kernel` and `ir` of `kernel:ir`; None and the whole of a word that somebody gave."""
    kind, colon, name = label.partition(":")
    return (kind, name) if colon and name and kind in KINDS else (None, label)


def checked(labels: Iterable[str]) -> list[str]:
    """The labels, each once. Raises InvalidRequest for one that no run could ask for."""
    found = list(dict.fromkeys(label.strip() for label in labels))
    if bad := [label for label in found if not _FITS.fullmatch(label)]:
        raise InvalidRequest(f"{bad[0]!r} cannot be a label.", "A label is one word or name, without commas.")
    return found
