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
_LINE_CHARS = 400

# Not of HF's Trainer, which counts in parts of epochs: Epoch 1.50/3.
_IN_LABEL = re.compile(r"\bepoch\s*[:#]?\s*\[?(\d{1,9})(?:\s*(?:/|of)\s*(\d{1,9}))?(?![\d.])", re.IGNORECASE)
_LINE = re.compile(r"\s*epoch\s*[:#]?\s*\[?(\d{1,9})\s*/\s*(\d{1,9})\]?[\s:.=-]*(.*)", re.IGNORECASE | re.DOTALL)
_STEP = re.compile(r"\b(?:step|batch|iter\w*)\W{0,4}(\d+)\s*(?:/|of)\s*(\d+)", re.IGNORECASE)
_COUNT = re.compile(
    r"(?<![\w-])(?:(?:max|num|n|total|train|nb)[ _]){0,2}epochs['\"]?\s*[=:]\s*(\d{1,7})(?![\w.])"
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
        self._now = Epoch(-1, None)
        self._expected: int | None = None
        self._from_zero = False
        self._waits_for_bar = False
        self._over = False
        self._holder: str | None = None  # the bar that shows the present epoch's steps
        self._told: tuple[int, int | None] | None = None

    def expect(self, line: str) -> None:
        """Take in a line that may be printed arguments."""
        found = _COUNT.search(line)
        if found:
            self._expected = int(found[1] or found[2]) or None

    def announce(self, line: str) -> list[Progress]:
        """Take in a line that begins with `Epoch 2/5`; behind it may stand a step, or what the epoch came to."""
        found = _LINE.match(line) if len(line) <= _LINE_CHARS else None
        if not found:
            return []
        self._begin(self._counted(int(found[1]), int(found[2])))
        step = _STEP.search(found[3])
        self._waits_for_bar = not found[3].strip()
        self._over = step[1] == step[2] if step else not self._waits_for_bar
        return self._tell()

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
        if found[2]:
            return self._counted(int(found[1]), int(found[2]))
        return Epoch(int(found[1]) - (not self._counts_from_zero(int(found[1]))), None)

    def _counted(self, number: int, count: int) -> Epoch:
        index = number if self._counts_from_zero(number) else number - 1
        return Epoch(index, max(count, index + 1))  # who counts from 0 may name the last one

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

    def _tell(self) -> list[Progress]:
        told, self._told = self._told, (self._now.number + self._over, self._now.of)
        if told == self._told:
            return []
        return [Progress(id=ID, label="epochs", done=self._told[0], total=self._told[1])]
