"""How much time readers may take: a share of the run's, so that a burst is passed on unread rather than late."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

#: So much of a runner's time goes to reading what its run prints, at most.
SHARE = 0.1
#: Lines of one shape are read so far apart, in seconds, and the last: nobody looks closer.
APART_S = 0.05
#: Time in seconds that is there at once, and so the longest that a burst is read in full.
_SAVED_S = 0.05
#: Of more lines at once, only the last of each shape is read.
_MANY_LINES = 200
_DIGITS = re.compile(r"\d+")


class Budget:
    """Time that is earned while the run goes on, and spent on reading."""

    def __init__(self, share: float = SHARE, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self._share = share
        self._left_s = _SAVED_S
        self._since = clock()
        self._next = -math.inf

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing left for now."""
        now = self.clock()
        self._left_s = min(_SAVED_S, self._left_s + (now - self._since) * self._share)
        self._since = now
        return self._left_s <= 0

    def spent_since(self, begun: float) -> None:
        """Time was spent on reading since then, by the clock."""
        self._left_s -= self.clock() - begun

    def is_time(self) -> bool:
        """Whether lines that wait are to be read: they were not for long enough."""
        now = self.clock()
        if now < self._next:
            return False
        self._next = now + APART_S
        return True


def worth_reading(lines: list[str]) -> list[str]:
    """Of very many lines at once the last of each shape."""
    if len(lines) <= _MANY_LINES:
        return lines
    return [*{_DIGITS.sub("", line[:80]): line for line in lines[-_MANY_LINES:]}.values()]
