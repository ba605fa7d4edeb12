"""Trackio's fragments (`TRACKIO_STORAGE_MODE=jsonl`): lines of JSON, each a row of a run."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar

from gpurun_jupyter.progress.readers.files import flat
from gpurun_jupyter.progress.readers.files.found import UNREADABLE, Found, Parameters, Points, Reader
from gpurun_jupyter.progress.readers.files.pieces import Lines

_VERSION, _KIND = 1, "metric"
#: As its dashboard groups metrics.
_SEPARATOR = "/"
_LONGEST_RUN = 500


class Trackio(Reader):
    """Reads one fragment. What it finds names its run, since fragments of several runs lie in one folder."""

    by: ClassVar[str] = "files/trackio"

    def __init__(self) -> None:
        super().__init__()
        self._lines = Lines()

    def again(self) -> None:
        """Begin with a first line."""
        self.broken, self._lines = False, Lines()

    def _take(self, data: bytes, found: list[Found]) -> None:
        for line in self._lines.of(data):
            _read_line(line, found)

    def _finish(self, found: list[Found]) -> None:
        for line in self._lines.last():
            _read_line(line, found)


def _read_line(line: bytes, found: list[Found]) -> None:
    try:
        told = json.loads(line)
        if told["kind"] == _KIND and told["v"] == _VERSION:
            _read(told, found)
    except UNREADABLE:
        return


def _read(told: dict[str, Any], found: list[Found]) -> None:
    run = told.get("run")
    name = flat.clean(run)[:_LONGEST_RUN] if isinstance(run, str) else ""
    config, metrics = told.get("config"), told.get("metrics")
    if isinstance(config, dict) and (settings := flat.parameters(config, _SEPARATOR)):
        found.append(Parameters(settings, name))
    if isinstance(metrics, dict) and (values := flat.metrics(metrics, _SEPARATOR)):
        found.append(Points(values, flat.number_of(told.get("step")), name, _seconds(told.get("timestamp"))))


def _seconds(timestamp: Any) -> float | None:
    """ISO 8601, of UTC."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except UNREADABLE:
        return None
