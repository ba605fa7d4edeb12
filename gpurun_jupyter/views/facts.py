"""What a run's log tells beside its output, as the run view draws it: bars, curves, use of the machine, checkpoints."""

from __future__ import annotations

from typing import Any

import msgspec

from gpurun_jupyter.core.curves import Curve
from gpurun_jupyter.core.events import AnyEvent, Checkpoint, Metric, Progress, Sample, Start
from gpurun_jupyter.core.runs import Bar
from gpurun_jupyter.core.runs import Run as RunRecord


class Facts:
    """Grows with the events that it is given."""

    def __init__(self) -> None:
        self.checkpoint: Checkpoint | None = None
        self._checkpoints = 0
        self._curves: dict[str, Curve] = {}
        self._sample: Sample | None = None
        self._bars: dict[str, Bar] = {}

    def take(self, event: AnyEvent) -> bool:
        """Take an event; says whether there was something in it."""
        if isinstance(event, Metric):
            for name in event.anew:
                self._curves.pop(name, None)
            for name, value in event.values.items():
                self._curves.setdefault(name, Curve()).add(value)
        elif isinstance(event, Sample):
            self._sample = event
        elif isinstance(event, Checkpoint):
            self.checkpoint, self._checkpoints = event, self._checkpoints + 1
        elif isinstance(event, Progress):
            self._bars[event.id] = Bar(
                event.id, event.label, event.done, event.total, event.rate, event.left_s, event.parent
            )
        elif isinstance(event, Start):
            self._curves.clear()
            self._bars.clear()  # another attempt: it begins with the checkpoints that there are, and nothing else
        else:
            return False
        return True

    def told(self) -> dict[str, Any]:
        """The facts as JSON."""
        return {
            "curves": {name: curve.values for name, curve in self._curves.items()},
            "sample": msgspec.to_builtins(self._sample),
            "checkpoints": self._checkpoints,
            "checkpoint": msgspec.to_builtins(self.checkpoint),
        }

    def added_to(self, record: RunRecord) -> RunRecord:
        """The run with its bars as the log knows them, a second before the server does."""
        if record.progress is None:
            return record
        bars = [self._bars.get(bar.id, bar) for bar in record.progress.bars]
        return msgspec.structs.replace(record, progress=msgspec.structs.replace(record.progress, bars=bars))
