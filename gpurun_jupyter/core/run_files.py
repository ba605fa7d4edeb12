"""The files that a run left, as they are listed."""

from __future__ import annotations

import msgspec


class RunFile(msgspec.Struct, omit_defaults=True):
    """A file of a run: its path as a text, its size in bytes, when it was last changed (seconds since the epoch).

    `shipped`: it came with the run and is as it was; else the run made or changed it.
    """

    path: str
    size: int
    modified_at: float
    shipped: bool = False
