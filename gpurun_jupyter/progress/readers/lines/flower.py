"""The log of a Flower server (flwr 1.2x): its rounds, and at its end the history of what was measured in each.

INFO :      Starting Flower server, config: num_rounds=3, no round_timeout
INFO :      [ROUND 1]
INFO :      fit progress: (1, 1.93, {'accuracy': 0.81}, 3.2)
INFO :      [SUMMARY]
INFO :      	History (loss, distributed):
INFO :      		round 1: 1.9278833866119385
INFO :      	History (metrics, distributed, evaluate):
INFO :      	{'accuracy': [(1, 0.8111111111111111),
INFO :      	              (2, 0.8361111111111111)]}
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.lines.plans import Counted, Said

_PREFIX = re.compile(r"INFO :\s*|INFO flwr [\d :,-]+\| [\w.]+:\d+ \| ")
_ROUNDS = re.compile(r"num_rounds=(\d{1,9})")
_ROUND = re.compile(r"\[ROUND (\d{1,9})(?:/(\d{1,9}))?\]\s*")
_HISTORY = re.compile(r"History \((\w+), \w+(?:, \w+)?\):\s*")
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d{1,3})?|nan|inf"
_VALUE = re.compile(rf"round (\d{{1,9}}): ({_NUMBER})\s*")
_POINT = re.compile(rf"(?:\{{?'([^']+)': \[)?\((\d{{1,9}}), ({_NUMBER})\)[,\]}}]*\s*")
_EVALUATED = re.compile(rf"fit progress: \((\d{{1,9}}), ({_NUMBER}), (\{{.*?\}}), [\d.]+\)")
_ITEM = re.compile(rf"'([^']+)': ({_NUMBER})(?=[,}}])")
_WORD = "round"


class Flower:
    """The rounds of one server's log."""

    def __init__(self) -> None:
        self._rounds: float | None = None
        self._round: float | None = None
        self._name = ""  # of the values in the lines that follow
        self._in_history = False

    @staticmethod
    def may_say(line: str) -> bool:
        """Whether a line may be of such a log: a quick look."""
        return line.startswith(("INFO :", "INFO flwr"))

    def read(self, line: str) -> Said | None:
        """What a line of the log says."""
        prefix = _PREFIX.match(line)
        text = line[prefix.end() :] if prefix else ""
        if begins := _ROUND.fullmatch(text):
            self._rounds = float(begins[2]) if begins[2] else self._rounds
            self._round = float(begins[1])
            return self._said({}, self._round, heading=True)
        if evaluated := _EVALUATED.search(text):
            values = {"loss": float(evaluated[2])} | {name: float(value) for name, value in _ITEM.findall(evaluated[3])}
            return self._said(values, float(evaluated[1]), told=False)
        if history := _HISTORY.fullmatch(text):
            self._name, self._in_history = history[1], True
            return None
        if self._in_history:
            return self._point(text)
        if rounds := _ROUNDS.search(text):
            self._rounds = float(rounds[1])
        if text.startswith("[SUMMARY]") and self._round is not None:
            return self._said({}, self._round)
        return None

    def _point(self, text: str) -> Said | None:
        if value := _VALUE.fullmatch(text):
            return self._said({self._name: float(value[2])}, float(value[1]), told=False)
        if point := _POINT.fullmatch(text):
            self._name = point[1] or self._name
            return self._said({self._name: float(point[3])}, float(point[2]), told=False)
        return None

    def _said(self, values: dict[str, float], number: float, *, heading: bool = False, told: bool = True) -> Said:
        """A round; what its history says was not `told` when it came, and moves nothing any more."""
        count = Counted(_WORD, number, self._rounds)
        if told:
            return Said("flower", values, count, None, None, heading, "")
        return Said("flower", values, None, None, None, heading, "", at=number)
