"""Points that come too quickly to be looked at: of each metric some are kept, evenly, and always the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gpurun_jupyter.core.events import Metric

#: Of each metric so many points a second of the run, and so many in all.
A_SECOND = 20
IN_ALL = 1_000_000


class Thinning:
    """What was kept of each metric so far."""

    def __init__(self) -> None:
        self.has_thinned = False
        self._since = 0.0
        self._kept: Counter[str] = Counter()
        self._last: dict[str, Metric] = {}  # of metrics that are full

    def thin(self, metrics: Sequence[Metric], m: float) -> list[Metric]:
        """These metrics, that came until `m` seconds after the run began, or some of them."""
        often = Counter(name for metric in metrics for name in metric.values)
        room = max(1, round((m - self._since) * A_SECOND))
        self._since = m
        if all(count <= room and self._kept[name] + count <= IN_ALL for name, count in often.items()):
            self._kept.update(often)
            return [*metrics]
        self.has_thinned = True
        seen: Counter[str] = Counter()
        left = []
        for metric in metrics:
            seen.update(metric.values.keys())
            names = [name for name in metric.values if self._keeps(name, seen[name], often[name], room, metric)]
            if names:
                left.append(
                    Metric(values={name: metric.values[name] for name in names}, step=metric.step, by=metric.by)
                )
        return left

    def last(self) -> list[Metric]:
        """The run has ended: the last points of metrics of which no more were kept."""
        return [*self._last.values()]

    def _keeps(self, name: str, number: int, count: int, room: int, metric: Metric) -> bool:
        """Whether the `number`-th of `count` points, of which there is room for some, is kept."""
        if self._kept[name] >= IN_ALL:
            self._last[name] = Metric(values={name: metric.values[name]}, step=metric.step, by=metric.by)
            return False
        if number * room // count == (number - 1) * room // count and count > room:
            return False
        self._kept[name] += 1
        return True
