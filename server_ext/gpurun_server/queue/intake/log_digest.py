"""What a stretch of a log says about its run, added to what was known before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gpurun_jupyter.core import events
from gpurun_jupyter.core.numbers import Number, finite
from gpurun_jupyter.core.parameters import LOGGED
from gpurun_jupyter.core.runs import MetricSummary, RunProgress
from gpurun_jupyter.progress.bars.overall import with_bar
from gpurun_server.store.folders.own_logs import LOG_PLACE
from gpurun_server.store.folders.plain_files import CSV_PLACE
from gpurun_server.store.queries import encode

#: A run has so many metrics at most, with names of so many characters: all of them are kept in its row.
_MOST_METRICS, _LONGEST_NAME = 10_000, 1000
#: And so many facts, each of so many characters as JSON.
_MOST_FACTS, _LONGEST_FACT = 1000, 8000
#: And so many parameters that its code logged, each of so many characters.
_MOST_PARAMETERS, _LONGEST_PARAMETER = 1000, 6000
#: Facts that say how far something else was read, or have a place of their own.
_RESERVED = (CSV_PLACE, LOG_PLACE, LOGGED)


@dataclass
class Digest:
    """What a run's row has of it, and what a stretch of its log changes there."""

    progress: RunProgress
    metrics: dict[str, MetricSummary]
    meta: dict[str, Any]
    started_at: float | None = None
    goes_on: bool = False  # the last that it says of this is that it began
    end: events.End | None = None
    models: list[tuple[events.Model, dict[str, Number]]] = field(default_factory=list)  # with the metrics then
    children: dict[str, list[tuple[int, events.Child]]] = field(default_factory=dict)  # with the place behind each
    has_progressed: bool = False
    has_told: bool = False  # facts
    changed: dict[str, MetricSummary] = field(default_factory=dict)  # of the metrics
    forgotten: set[str] = field(default_factory=set)  # metrics that are not there any more
    logged: set[str] = field(default_factory=set)  # parameters that are new or changed

    def take(self, event: events.AnyEvent | None, place: int) -> None:
        """Add an event, which ends before byte `place` of the log."""
        if isinstance(event, events.Start):
            self._begin(event)
        elif isinstance(event, events.Progress):
            self.has_progressed = True
            self.progress = with_bar(self.progress, event)
        elif isinstance(event, events.Metric):
            self._take_metrics(event)
        elif isinstance(event, events.Model):
            self.models.append((event, {name: summary.last for name, summary in self.metrics.items()}))
        elif isinstance(event, events.Meta):
            self._take_facts(event.values)
        elif isinstance(event, events.Parameters):
            self._take_parameters(event.values)
        elif isinstance(event, events.Child):
            self.children.setdefault(event.run, []).append((place, event))
        elif isinstance(event, events.End):
            self.end, self.goes_on = event, False

    def _begin(self, event: events.Start) -> None:
        if self.started_at is None:
            self.started_at = event.t
        self.end, self.goes_on = None, True  # a run that is only heard of may go on after its end

    def _take_metrics(self, event: events.Metric) -> None:
        for name in event.anew:
            if self.metrics.pop(name, None) is not None:
                self.changed.pop(name, None)
                self.forgotten.add(name)
        self.forgotten -= event.values.keys()
        for name, value in event.values.items():
            if name in self.metrics or (len(self.metrics) < _MOST_METRICS and len(name) <= _LONGEST_NAME):
                self.changed[name] = self.metrics[name] = _summed(self.metrics.get(name), value, event.step)

    def _take_facts(self, values: dict[str, Any]) -> None:
        """Of few and short ones the latest; they are shown as they are. None takes one back."""
        for name, value in values.items():
            if name in _RESERVED:
                continue
            if value is None:
                self.has_told |= self.meta.pop(name, None) is not None
            elif len(name) <= _LONGEST_NAME and len(encode(value)) <= _LONGEST_FACT and self._has_room(name):
                self.meta[name], self.has_told = value, True

    def _has_room(self, name: str) -> bool:
        return name in self.meta or len(self.meta) < _MOST_FACTS

    def _take_parameters(self, values: Mapping[str, str | float]) -> None:
        known = self.meta.setdefault(LOGGED, {})
        for name, value in values.items():
            fits = len(name) <= _LONGEST_NAME and len(str(value)) <= _LONGEST_PARAMETER
            if fits and (name in known or len(known) < _MOST_PARAMETERS):
                known[name], self.has_told = value, True
                self.logged.add(name)


def _summed(before: MetricSummary | None, value: Number, step: float | None) -> MetricSummary:
    low, high = (before.min, before.max) if before else (None, None)
    if (number := finite(value)) is not None:
        low = number if low is None else min(low, number)
        high = number if high is None else max(high, number)
    return MetricSummary(value, low, high, step)
