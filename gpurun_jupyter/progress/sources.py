"""Which of several sources is believed: the run itself over loggers' files, these over bars, and bars over lines.

A reader is named `family/reader`, such as `lines/boosting`, in what it tells. GPURUN_READERS in a run's environment
names readers and families that are on, or with a `-` before them off: `-lines`, `bars,files`, `none`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from gpurun_jupyter.core.events import Event, Metric, Parameters, Progress
from gpurun_jupyter.core.numbers import Number

VARIABLE = "GPURUN_READERS"
#: The families, from that which is believed least to that which is believed most, but for the run itself.
FAMILIES = ("lines", "bars", "files", "mlflow")
#: From here on names are the code's own, which may ask for them again.
_NAMED = FAMILIES.index("mlflow")
#: Names of metrics that are remembered.
_MAX_NAMES = 20_000

_BETWEEN_WORDS = re.compile(r"[\s_./-]+")


class _Known(NamedTuple):
    """Who is believed about a metric, what they call it, and under which name it is told."""

    rank: int
    name: str
    told_as: str


class Sources:
    """What was told so far, and by whom."""

    def __init__(self, readers: str = "") -> None:
        names = [name.strip().lower() for name in re.split(r"[,\s]+", readers) if name.strip()]
        self._off = {name[1:] for name in names if name.startswith("-")}
        self._on = {name for name in names if not name.startswith("-")} - {"all"}
        self._known: dict[str, _Known] = {}

    def reads(self, family: str) -> bool:
        """Whether any reader of the family is on."""
        others = {*FAMILIES, "none"} - {family}
        return family not in self._off and not (self._on and self._on <= others)

    def admit(self, event: Event) -> Event | None:
        """The event, or as much of it as is to be believed; None where nothing is left."""
        if not isinstance(event, Metric | Parameters | Progress):
            return event
        if event.by and not self._is_on(event.by):
            return None
        return self._believed(event) if isinstance(event, Metric) else event

    def _is_on(self, by: str) -> bool:
        names = {by, *by.split("/")}
        if names & self._off:
            return False
        return not self._on or bool(names & self._on)

    def _believed(self, event: Metric) -> Metric | None:
        rank = _rank(event.by)
        values: dict[str, Number] = {}
        anew: list[str] = []
        for name, value in event.values.items():
            same = _BETWEEN_WORDS.sub(" ", name).casefold()
            known = self._known.get(same)
            if known is not None and known.rank < rank:
                anew.append(known.told_as)  # its steps may be of another kind, such as epochs
            if known is None or known.rank < rank:
                # one metric goes on under the name that it began with, unless the run's code says another
                known = _Known(rank, name, known.told_as if known and rank < _NAMED else name)
                if len(self._known) < _MAX_NAMES:
                    self._known[same] = known
            if known.rank == rank:
                values[known.told_as if known.name == name else name] = value
        if not anew and len(values) == len(event.values) and values.keys() == event.values.keys():
            return event
        return msgspec.structs.replace(event, values=values, anew=anew) if values else None


def _rank(by: str) -> int:
    family = by.partition("/")[0]
    return FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)
