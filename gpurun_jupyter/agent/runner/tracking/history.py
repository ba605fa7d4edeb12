"""The values of a metric in the log of an attempt that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from gpurun_jupyter.core.events import LONGEST_LINE_BYTES, Child, Metric, event_on, opening
from gpurun_jupyter.core.numbers import Number
from gpurun_jupyter.core.system.records import open_plain

_OWN, _OF_CHILDREN = opening("metric"), opening("child")


def history_in(log: Path, name: str, child: str | None = None) -> Iterator[tuple[Number, int, int]]:
    """Value, time in milliseconds and step of each, in the order they were logged; of a child by its id."""
    kind, key = (_OWN, _OF_CHILDREN)[child is not None], msgspec.json.encode(name)
    with open_plain(log) as file:
        while line := file.readline(LONGEST_LINE_BYTES):
            if not line.startswith(kind) or key not in line:  # most lines need not be decoded
                continue
            event = event_on(line)
            if isinstance(event, Child):
                event = event.event if event.run == child else None
            if isinstance(event, Metric) and name in event.values:
                yield event.values[name], round(event.t * 1000), round(event.step or 0)
