"""Lines of libraries that print one for each round, and no bar:

[0]	train-logloss:0.44276	val-logloss:0.44276                                       xgboost
[1]	valid_0's auc: 0.99	valid_0's binary_logloss: 0.6001                              lightgbm
0:	learn: 0.6559230	test: 0.6580	best: 0.6580 (0)	total: 47.3ms	remaining: 4.68s      catboost
32/32 - 0s - 9ms/step - accuracy: 0.8418 - loss: 0.4588                              Keras with verbose=2
[3/100] 1 tree, 3 leaves, max depth = 2, train loss: 0.5, in 0.001s                 scikit-learn
Iteration 7, loss = 0.6931                                                           scikit-learn
      Iter       Train Loss   Remaining Time                                         scikit-learn
         1           1.0323            0.04s
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gpurun_jupyter.core.events import Metric
from gpurun_jupyter.core.numbers import in_json
from gpurun_jupyter.progress.readers.readings import Reading

_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf)"
_ROUND = re.compile(r"(?:\[(\d{1,9})\]|(\d{1,9}):)\t")
# Behind a value: its deviation in a cross validation; of catboost, the round of the best one.
_VALUE = re.compile(rf"([^\t:]+?(?::[^\t:]+?)?): ?({_NUMBER})(?: ?\+ ?{_NUMBER}| \(\d+\))?")
_TIME = re.compile(r"(?:total|remaining): [\d.a-z ]+")
# Keras 3 has the time of a step before the values, Keras 2 behind them.
_EPOCH = re.compile(
    rf"(\d+)/(\d+) - \d+m?s((?: - \d+[mu]?s/(?:step|epoch|sample))*)((?: - [^:\n]+: {_NUMBER})*)"
    r"(?: - \d+[mu]?s/(?:step|epoch|sample))*\s*"
)
_EPOCH_VALUE = re.compile(rf" - ([^:\n]+?): ({_NUMBER})(?= - |\s*$)")
_OF = re.compile(r"\[(\d+)/(\d+)\] \d+ trees?, ")
_OF_VALUE = re.compile(rf"\b((?:train|val) (?:loss|score)): ({_NUMBER})")
# `loss = 0.69` of a neural network, `inertia 120.5.` of k-means.
_ITERATION = re.compile(rf"Iteration (\d{{1,9}}), ([a-z][a-z ]*?) ?=? ({_NUMBER}?)\.?\s*")
_HEADER = re.compile(r"\s+Iter((?:\s{2,}[A-Z][A-Za-z ]*?)+)\s*")
_REMAINING = "Remaining Time"

#: How each of these lines begins, and what is in a text that has some; the cheapest to look for first.
_BEGINNINGS = (
    ("\t", "\t", re.compile(r"\n(?=\[\d+\]\t|\d+:\t)")),
    ("/", "s - ", re.compile(r"\n(?=\d+/\d+ - \d)")),
    ("/", " leaves, ", re.compile(r"\n(?=\[\d+/\d+\] )")),
    ("I", "Iter", re.compile(r"\n(?=Iteration \d|\s+Iter\s)")),
)
_ROW = re.compile(r"\n(?= +\d+ +[\d.+-])")


class Rounds:
    """Reads such lines of one stream; a table's header counts for the rows below it."""

    def __init__(self) -> None:
        self._columns: tuple[str, ...] = ()

    def begins(self, line: str) -> bool:
        """Whether the line may be one, by how it begins."""
        first = line[:1]
        return first.isdecimal() or first in ("[", "I") or (first == " " and (bool(self._columns) or "Iter" in line))

    def places(self, text: str) -> Iterator[int]:
        """Where, after a newline, a line may be one."""
        for letter, word, beginning in _BEGINNINGS:
            if letter in text and word in text:
                yield from (found.start() for found in beginning.finditer(text))
        if self._columns or "Iter  " in text:
            yield from (found.start() for found in _ROW.finditer(text))

    def read(self, line: str) -> Metric | Reading | None:
        """What the line says: values of a round or, where it also says of how many rounds, a bar."""
        if "\t" in line:
            return _round(line)
        if line[:1].isdecimal():
            return _epoch(line)
        if line[:1] == "[":
            return _of(line)
        if line[:1] == "I":
            return _iteration(line)
        return self._row(line)

    def _row(self, line: str) -> Metric | None:
        header = _HEADER.fullmatch(line)
        if header:
            self._columns = tuple(re.split(r"\s{2,}", header[1].strip()))
            return None
        cells = line.split()
        if len(cells) != len(self._columns) + 1 or not cells[0].isdecimal():
            return None
        named = zip(self._columns, cells[1:], strict=True)
        values = {name: text for name, text in named if name != _REMAINING}
        return _metric(int(cells[0]), values) if all(re.fullmatch(_NUMBER, text) for text in values.values()) else None


def _round(line: str) -> Metric | None:
    begun = _ROUND.match(line)
    if not begun:
        return None
    values = {}
    for item in line[begun.end() :].rstrip().split("\t"):
        found = _VALUE.fullmatch(item.strip())
        if found:
            values[found[1].strip()] = found[2]
        elif not _TIME.fullmatch(item.strip()):
            return None
    return _metric(int(begun[1] or begun[2]), values)


def _epoch(line: str) -> Reading | None:
    found = _EPOCH.fullmatch(line)
    return _bar(found[1], found[2], _EPOCH_VALUE.findall(found[4])) if found else None


def _of(line: str) -> Reading | None:
    found = _OF.match(line)
    return _bar(found[1], found[2], _OF_VALUE.findall(line)) if found else None


def _iteration(line: str) -> Metric | None:
    found = _ITERATION.fullmatch(line)
    return _metric(int(found[1]), {found[2]: found[3]}) if found and found[3] else None


def _bar(done: str, total: str, values: list[tuple[str, str]]) -> Reading:
    named = {name: float(value) for name, value in values}
    return Reading("", float(done), float(total), None, None, named, 0, True)


def _metric(step: int, values: dict[str, str]) -> Metric | None:
    named = {name: in_json(float(text)) for name, text in values.items()}
    return Metric(values=named, step=float(step)) if named else None
