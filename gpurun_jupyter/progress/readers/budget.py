"""How much time readers may take: a share of the run's, so that a burst of text is passed on unread rather than late."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Iterator

#: So much of a runner's time goes to reading what its run prints.
SHARE = 0.1
#: Time in seconds that is there at once, and so the longest that a burst is read in full.
_SAVED_S = 0.05
#: Of more lines at once, only the last of each shape is read.
_MANY_LINES = 200
_DIGITS = re.compile(r"\d+")


class Budget:
    """Time that is earned while the run goes on, and spent on reading. Without a `share` there is no limit."""

    def __init__(self, share: float = math.inf, clock: Callable[[], float] = time.perf_counter) -> None:
        self._share = share
        self._clock = clock
        self._left_s = _SAVED_S
        self._since = clock()

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return math.isfinite(self._share)

    @property
    def spent(self) -> bool:
        """Whether there is nothing left for now."""
        if not self.limited:
            return False
        now = self._clock()
        self._left_s = min(_SAVED_S, self._left_s + (now - self._since) * self._share)
        self._since = now
        return self._left_s <= 0

    def affordable(self, lines: list[str]) -> list[str]:
        """The lines that are worth their time: of many at once the last of each shape."""
        if not self.limited or len(lines) <= _MANY_LINES:
            return lines
        return [*{_DIGITS.sub("", line[:80]): line for line in lines[-_MANY_LINES:]}.values()]

    @contextlib.contextmanager
    def spending(self) -> Iterator[None]:
        """While this lasts, time is spent."""
        begun = self._clock()
        try:
            yield
        finally:
            self._left_s -= self._clock() - begun
