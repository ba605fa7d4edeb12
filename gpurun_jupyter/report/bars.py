"""Progress: `for x in track(...)` and `progress(done, total, label)`.

A bar is known by its label, in which numbers do not count (`epoch 1` and `epoch 2` are one bar), and by how many other
`track` loops it stands in; so the processes of one training draw one bar and not one each.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from typing import Any, Iterable, Iterator, TypeVar

from gpurun_jupyter.report import pipe
from gpurun_jupyter.report.checks import clean_name, finite_number
from gpurun_jupyter.report.printing import say

#: A bar is written (outside a run: printed) at most this often, but for its first and last state.
WRITE_EVERY_S = 0.05
PRINT_EVERY_S = 2.0

_Item = TypeVar("_Item")
_COUNTER = re.compile(r"\d+(?:\.\d+)?")


class _Bar:
    """One bar: when it began and when it was last written."""

    def __init__(self, name: str, parent: str | None) -> None:
        self.name = name
        self.parent = parent
        self._done: float | None = None
        self._begun = (0.0, 0.0)  # when, and how much was done by then
        self._written = 0.0

    def show(self, done: float, total: float | None, label: str, *, last: bool) -> None:
        """Write or print the state, unless that happened a moment ago."""
        now = time.monotonic()
        first = self._done is None or done < self._done
        if first:
            self._begun = (now, done)
        self._done = done
        every_s = WRITE_EVERY_S if pipe.inside_run() else PRINT_EVERY_S
        if first or last or now - self._written >= every_s:
            self._written = now
            self._tell(done, total, label, self._rate(done, now))

    def _rate(self, done: float, now: float) -> float | None:
        begun, before = self._begun
        return (done - before) / (now - begun) if done > before and now > begun else None

    def _tell(self, done: float, total: float | None, label: str, rate: float | None) -> None:
        left_s = max(0.0, total - done) / rate if total and rate else None
        if not pipe.inside_run():
            say(_line(done, total, label, rate, left_s), sys.stderr)
            return
        state = {"label": label, "done": done, "total": total, "rate": rate, "left_s": left_s}
        pipe.send({"kind": "progress", "id": self.name, "parent": self.parent, **state})


_bars: dict[str, _Bar] = {}


class _Loops(threading.local):
    """The bars of the `track` loops that a thread is in, outermost first."""

    def __init__(self) -> None:
        self.bars: list[_Bar] = []


_loops = _Loops()


def progress(done: Any, total: Any = None, label: str = "") -> None:
    """Say that `done` (of `total`) is done. Raises TypeError for what is no finite number.

    At most 20 a second of a bar are written; the first and the one that reaches the total always are.
    """
    amount = finite_number(done, "done")
    whole = None if total is None else finite_number(total, "total") or None
    label = clean_name(label)
    _bar(label, _loops.bars).show(amount, whole, label, last=whole is not None and amount >= whole)


def track(iterable: Iterable[_Item], label: str = "", total: Any = None) -> Iterator[_Item]:
    """Yield the items and say how many are done; `total` where the iterable has no length."""
    label = clean_name(label)
    whole = (_length(iterable) if total is None else finite_number(total, "total")) or None
    loops = _loops.bars  # of the thread that began: a generator may go on in another
    bar = _bar(label, loops)
    loops.append(bar)
    done = 0
    try:
        bar.show(done, whole, label, last=False)
        for item in iterable:
            yield item
            done += 1
            bar.show(done, whole, label, last=False)
    finally:
        loops.remove(bar)  # also where a loop was left, or its generator is thrown away
        bar.show(done, whole, label, last=True)


def _bar(label: str, outer: list[_Bar]) -> _Bar:
    name = f"r{len(outer) + 1}:{_COUNTER.sub('#', label)}"
    if name not in _bars:
        _bars[name] = _Bar(name, outer[-1].name if outer else None)
    return _bars[name]


def _length(iterable: Iterable[Any]) -> float | None:
    try:
        return len(iterable)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        return None


def _line(done: float, total: float | None, label: str, rate: float | None, left_s: float | None) -> str:
    parts = [f"{done:.10g}/{total:.10g}" if total else f"{done:.10g}"]
    if rate:
        parts.append(f"{rate:.3g}/s")
    if left_s:
        parts.append(f"{left_s:.0f} s left")
    return (f"{label}: " if label else "") + ", ".join(parts)
