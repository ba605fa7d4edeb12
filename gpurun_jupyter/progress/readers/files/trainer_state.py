"""`trainer_state.json`, which Hugging Face's Trainer writes with each checkpoint: all that was logged till then."""

from __future__ import annotations

import json
import re
from pathlib import PurePath
from typing import Any, ClassVar

from gpurun_jupyter.progress.readers.files import flat
from gpurun_jupyter.progress.readers.files.found import Found, Points, Reader

_LONGEST_BYTES = 32 << 20
_MOST_TOLD = 1_000_000
#: A step of the training, and the names that were logged at it.
Entry = tuple[float | None, tuple[str, ...]]

_CHECKPOINT = re.compile(r"checkpoint-\d+")
_NO_METRIC = re.compile(r"step|total_flos|(?:\w+_)?runtime|\w+_per_second", re.IGNORECASE)


class TrainerState(Reader):
    """Tells the entries that were not told before.

    The file of a checkpoint repeats what those before it have. `told` is what was told, and is shared by the readers of
    all files of one training, which are those with the same `home`.
    """

    by: ClassVar[str] = "files/trainer_state"
    whole: ClassVar[bool] = True

    def __init__(self, told: set[Entry] | None = None) -> None:
        super().__init__()
        self._told = set[Entry]() if told is None else told

    def _take(self, data: bytes, found: list[Found]) -> None:
        for entry in _entries(data):
            values = flat.metrics({name: entry[name] for name in entry if not _NO_METRIC.fullmatch(name)}, "/")
            step = flat.number_of(entry.get("step"))
            known = (step, tuple(values))
            if values.keys() - {"epoch"} and known not in self._told and len(self._told) < _MOST_TOLD:
                self._told.add(known)
                found.append(Points(values, step))


def home(path: PurePath) -> PurePath:
    """The folder of the training whose state the file is."""
    return path.parent.parent if _CHECKPOINT.fullmatch(path.parent.name) else path.parent


def _entries(data: bytes) -> list[dict[str, Any]]:
    """What was logged; nothing while the file is being written."""
    if len(data) > _LONGEST_BYTES:
        return []
    try:
        history = json.loads(data)["log_history"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    return [entry for entry in history if isinstance(entry, dict)] if isinstance(history, list) else []
