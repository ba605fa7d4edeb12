"""What every recording of loggers shares: numbers to log, and what is to be read from a file."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path


def loss(step: int) -> float:
    """A loss that falls."""
    return 2.3 * math.exp(-step / 20) + 0.1


def accuracy(step: int) -> float:
    """An accuracy that rises."""
    return 1 - 0.9 * math.exp(-step / 20)


def single(value: float) -> float:
    """The value after a while in 32 bits."""
    return struct.unpack("f", struct.pack("f", value))[0]


def want(name: str, metrics: dict[str, list], params: dict[str, object] | None = None, note: str = "") -> None:
    """Say what is to be read from `name`: points of each metric in order, parameters."""
    said = {"params": params or {}} | ({"note": note} if note else {})
    points = [f'  "{key}": {json.dumps(value)}' for key, value in metrics.items()]
    rest = [f' "{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in said.items()]
    inner = "\n" + ",\n".join(points) + "\n " if points else ""
    text = ",\n".join(['{\n "metrics": {' + inner + "}", *rest]) + "\n}\n"
    Path(f"{name}.want.json").write_text(text, encoding="utf-8")
