"""What can be read from a run's log besides its events: the text it printed, the points of its metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from gpurun_jupyter.core import events

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Lines(Protocol):
    """A log that gives whole lines until there are no more."""

    def read(self) -> list[bytes]:
        """The next lines."""


def printed_text(log: Lines) -> Iterator[str]:
    """What the run printed, in order; of displayed objects the plain text, of errors the traceback without colours."""
    while lines := log.read():
        yield "".join(_text_of(events.decode_line(line)) for line in lines)


def metric_points(log: Lines) -> dict[str, list[tuple[float | None, float, float]]]:
    """Every logged value by metric: (step, seconds since the attempt began, value)."""
    points: dict[str, list[tuple[float | None, float, float]]] = {}
    while lines := log.read():
        for line in lines:
            if line.startswith(b'{"kind":"metric"'):
                event = events.decode_line(line)
                assert isinstance(event, events.Metric)
                for name, value in event.values.items():
                    points.setdefault(name, []).append((event.step, event.m, value))
    return points


def _text_of(event: events.AnyEvent) -> str:
    if isinstance(event, events.Output):
        return event.text
    if isinstance(event, (events.Display, events.Result)):
        plain = str(event.data.get("text/plain", ""))
        return plain and f"{plain}\n"
    if isinstance(event, events.Error):
        return _COLOURS.sub("", "\n".join(event.traceback)) + "\n"
    return ""
