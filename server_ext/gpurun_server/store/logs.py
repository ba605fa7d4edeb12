"""What can be read from a run's log besides its events: the text it printed, the points of its metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from gpurun_jupyter.core import events

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Lines(Protocol):
    """A log that gives whole lines until there are no more."""

    def read(self) -> list[bytes]:
        """The next lines."""


def read_lines(log: Path, offset: int, chunk_bytes: int) -> tuple[list[bytes], int]:
    """Whole lines from a byte offset on, and the offset after them; about `chunk_bytes`, more for a longer line."""
    try:
        with log.open("rb") as file:
            file.seek(offset)
            data = file.read(chunk_bytes)
            while data and b"\n" not in data and (more := file.read(chunk_bytes)):
                data += more
    except FileNotFoundError:
        return [], offset
    data = data[: data.rfind(b"\n") + 1]
    return data.splitlines(), offset + len(data)


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
