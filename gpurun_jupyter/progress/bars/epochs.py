"""The bar above all bars: in which epoch a run is, and of how many, wherever that is said.

It is said in the label of a bar (`Epoch 2/5`, `Epoch 1`), in a line of its own before the bar (Keras, and many loops),
in a row of a table (ultralytics), or in printed lines only (`Epoch [2/5], Step [100/600], Loss: 0.4`). How many epochs
there are may stand in printed arguments (`max_epochs=5`), which counts only where the bars do not say it.
"""

from __future__ import annotations

import re

from gpurun_jupyter.core.events import Progress
from gpurun_jupyter.progress.bars.bar import Bar
from gpurun_jupyter.progress.readers.readings import Epoch, Reading

ID = "epochs"
# Not of HF's Trainer, which counts in parts of epochs: Epoch 1.50/3.
_IN_LABEL = re.compile(r"\bepoch\s*[:#]?\s*\[?(\d{1,9})(?:\s*(?:/|of)\s*(\d{1,9}))?(?![\d.])", re.IGNORECASE)
_COUNT = re.compile(
    r"(?<![\w-])(?:(?:max|num|n|total|train|nb)[ _]){0,2}epochs['\"]?\s*[=:]\s*(\d{1,7})(?!\w|\.\d)"
    r"|\bfor (\d{1,7}) epochs\b",
    re.IGNORECASE,
)
# `Class` heads the columns of ultralytics' validation.
_VALIDATION = re.compile(
    r"\b(?:val|valid|validat\w+|eval|evaluat\w+|test|testing|sanity|predict\w*|class)\b", re.IGNORECASE
)


def is_validation(label: str) -> bool:
    """Whether a bar measures what was learnt: it is no part of an epoch's steps."""
    return _VALIDATION.search(label) is not None


class Epochs:
    """What is known of the epochs so far."""

    def __init__(self) -> None:
        self.number: int | None = None  # of the present one, as people call it
        self._now = Epoch(-1, None)
        self._expected: int | None = None
        self._from_zero = False
        self._waits_for_bar = False
        self._over = False
        self._holder: str | None = None  # the bar that shows the present epoch's steps
        self._left_s: float | None = None  # as it was printed
        self._told: tuple[int, int | None, float | None] | None = None

    def expect(self, line: str) -> None:
        """Take in a line that may be printed arguments."""
        found = _COUNT.search(line)
        if found:
            self._expected = int(found[1] or found[2]) or None

    def say(self, epoch: Epoch, *, heading: bool, over: bool, left_s: float | None = None) -> list[Progress]:
        """A line speaks of an epoch: as a heading of what comes, or of what it came to when it was over."""
        self._begin(epoch)
        self._waits_for_bar, self._over = heading, over
        self._left_s = self._left_s if left_s is None else left_s
        return self._tell()

    def left(self, seconds: float) -> list[Progress]:
        """A line says how long all of it still takes."""
        self._left_s = seconds
        return self._tell()

    def counted(self, number: int, count: int | None) -> Epoch:
        """The epoch that people call `number`, of `count`."""
        index = number if self._counts_from_zero(number) else number - 1
        return Epoch(index, count and max(count, index + 1))  # who counts from 0 may name the last one

    def enter(self, bar: Bar, seen: Reading) -> list[Progress]:
        """A bar was drawn: if it shows an epoch's steps it belongs to the epochs; returns what is new of these."""
        if bar.parent not in (None, ID) or bar.id == ID:
            return []
        epoch = seen.epoch or self._in_label(seen.label)
        if epoch:
            self._begin(epoch)
        elif bar.id != self._holder and not (self._waits_for_bar and not is_validation(seen.label)):
            return []
        self._holder, self._waits_for_bar, bar.parent = bar.id, False, ID
        return [] if seen.complete else self._tell()  # else `leave` tells it, behind the bar's own end

    def leave(self, bar: Bar, seen: Reading) -> list[Progress]:
        """The same bar, after it was told of: at its end the epoch is over."""
        if bar.id != self._holder or not seen.complete:
            return []
        self._over = True
        return self._tell()

    def _in_label(self, label: str) -> Epoch | None:
        found = _IN_LABEL.search(label) if label else None
        if not found:
            return None
        return self.counted(int(found[1]), int(found[2]) if found[2] else None)

    def _counts_from_zero(self, number: int) -> bool:
        self._from_zero = self._from_zero or number == 0  # from then on: who counts from 0 goes on so
        return self._from_zero

    def _begin(self, epoch: Epoch) -> None:
        if epoch.number != self._now.number:
            self._over = False
        count = epoch.of or self._now.of
        if count is None and self._expected and epoch.number < self._expected:
            count = self._expected
        self._now = Epoch(epoch.number, count)
        self.number = epoch.number + (not self._from_zero)

    def _tell(self) -> list[Progress]:
        told, self._told = self._told, (self._now.number + self._over, self._now.of, self._left_s)
        if told == self._told:
            return []
        done, total, left_s = self._told
        return [Progress(id=ID, label="epochs", done=done, total=total, left_s=left_s)]
