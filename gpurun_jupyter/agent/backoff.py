"""Pauses between tries: growing, so that a server that comes back is not overrun, bounded, and never all alike.

Who does not want to wait ends them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

_FIRST_S = 0.5


class Hurry:
    """What all pauses of an agent have in common: somebody may call them off."""

    def __init__(self) -> None:
        self._now = asyncio.Event()

    def up(self) -> None:
        """End the pauses of this moment."""
        self._now.set()
        self._now = asyncio.Event()  # a fresh one: pauses that begin later are not called off

    async def wait(self, seconds: float) -> None:
        """So long, or until somebody is in a hurry."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._now.wait(), seconds)


class Pauses:
    """The pauses of one who tries again and again."""

    def __init__(self, longest_s: float, hurry: Hurry) -> None:
        self._longest_s = longest_s
        self._hurry = hurry
        self._tries = 0

    def next_s(self) -> float:
        """How long to wait after another failure."""
        pause_s = min(_FIRST_S * 2.0**self._tries, self._longest_s)
        self._tries = min(self._tries + 1, 16)  # in a long outage 2.0**tries would overflow
        return pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    async def pause(self) -> None:
        """Wait after another failure, unless somebody is in a hurry."""
        await self._hurry.wait(self.next_s())

    def over(self) -> None:
        """It went well."""
        self._tries = 0
