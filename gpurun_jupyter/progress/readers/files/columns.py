"""The header of a table that may be a log: which column says the step, and which ones are metrics."""

from __future__ import annotations

import csv
import re
from typing import NamedTuple

from gpurun_jupyter.progress.readers.files.flat import LONGEST_NAME
from gpurun_jupyter.progress.readers.lines.words import is_no_measurement

#: What a row is counted by, the first of them that there is; a group may stand before it: `train/global_step`.
_STEPS = ("step", "global_step", "total_timesteps", "timesteps_total", "timesteps", "num_timesteps", "steps")
_ITERATIONS = ("iteration", "iter", "training_iteration", "iterations")
_EPOCH = "epoch"
_COUNTS = (*_STEPS, *_ITERATIONS, _EPOCH)
#: In the order in which they are tried where a header has as many of them.
_SEPARATORS = (",", "\t", ";")
#: What Lightning adds to the name of what is logged at both.
_OF_WHAT = re.compile(r"_(?:step|epoch)$")
_UNNAMED = re.compile(r"(?:unnamed: ?\d+|index|)", re.IGNORECASE)
_MOST_COLUMNS = 5000


class Header(NamedTuple):
    """How a table is laid out. `metrics` are columns with their names."""

    separator: str
    width: int
    step: int
    metrics: tuple[tuple[int, str], ...]


def header_of(line: str) -> Header | None:
    """The header that this line is; None if it is none of a log."""
    for separator in sorted(_SEPARATORS, key=line.count, reverse=True):
        names = [name.strip() for name in cells_of(line.lstrip("\ufeff"), separator)] if separator in line else []
        if header := _read(names, separator):
            return header
    return None


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of a line; none where it is no line of a table."""
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator))
    except csv.Error:
        return []


def _read(names: list[str], separator: str) -> Header | None:
    words = [name.lower().rpartition("/")[2] for name in names]
    counts = [word for word in _COUNTS if word in words]
    if not counts or len(names) > _MOST_COLUMNS:
        return None
    step = words.index(counts[0])
    metrics = [
        (at, name)
        for at, (name, word) in enumerate(zip(names, words, strict=True))
        if at != step and (word == _EPOCH or (word not in _COUNTS and _is_metric(name)))
    ]
    counts_only = all(words[at] == _EPOCH for at, _ in metrics)
    return None if counts_only else Header(separator, len(names), step, tuple(metrics))


def _is_metric(name: str) -> bool:
    if _UNNAMED.fullmatch(name) or len(name) > LONGEST_NAME:
        return False
    return not is_no_measurement(_OF_WHAT.sub("", name))
