"""Pauses between tries: growing, so that a server that comes back is not overrun, bounded, and never all alike."""

from __future__ import annotations

import random

_FIRST_S = 0.5


class Pauses:
    """The pauses of one who tries again and again."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._tries = 0

    def next_s(self) -> float:
        """How long to wait after another failure."""
        pause_s = min(_FIRST_S * 2.0**self._tries, self._longest_s)
        self._tries = min(self._tries + 1, 16)
        return pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def over(self) -> None:
        """It went well."""
        self._tries = 0
