"""What fair share counts: the devices that an owner has now, and those that he had of late, which fade."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from math import exp, inf, log
from types import MappingProxyType
from typing import TypeAlias

#: What was had so long ago counts half.
HALF_LIFE_S = 3600.0
#: How long a run is supposed to take of which nobody knows it.
_SUPPOSED_S = 600.0
_LEAST = 1e-6  # of a device: sums of parts are not exact

_FADING = log(2) / HALF_LIFE_S  # for each second
#: Told whether CPU slots are meant: by owner how many devices each had of late, on an average in which time fades.
Lately: TypeAlias = Callable[[bool], Mapping[str, float]]


def nothing(_cpu: bool) -> Mapping[str, float]:
    """Nobody had anything of late."""
    return MappingProxyType({})


def faded(devices: float, after_s: float) -> float:
    """What is left of such an average when nothing was added for so long."""
    return devices * exp(-_FADING * after_s) if after_s > 0 else devices


def had(devices: float, for_s: float) -> float:
    """What having devices for so long, until now, adds to it: all of them in the long run."""
    return devices - faded(devices, for_s)


class GoingOn:
    """What somebody's runs have added that have not ended, as sums that change with each begin and end.

    A claim asks for it, and thousands may go on. What the sums lose is far below what shares are rounded to.
    """

    def __init__(self) -> None:
        self._runs: dict[str, tuple[float, float]] = {}  # by run id: how many devices, since when
        self._devices = 0.0
        self._missing = self._at = 0.0  # from all of them, at the time when the latest began

    def __bool__(self) -> bool:
        return bool(self._runs)

    def add(self, run_id: str, devices: float, since: float) -> None:
        """A run has begun."""
        self._runs[run_id] = (devices, since)
        self._missing, self._at = faded(self._missing, since - self._at), max(since, self._at)
        self._devices += devices
        self._missing += faded(devices, self._at - since)

    def drop(self, run_id: str) -> None:
        """It has ended."""
        devices, since = self._runs.pop(run_id)
        self._devices -= devices
        self._missing -= faded(devices, self._at - since)

    def had(self, now: float) -> float:
        """The same as `had` of each, added up."""
        return self._devices - faded(self._missing, now - self._at)


#: What a run has: its owner, how many devices, shared ones in part, for how many seconds still; infinite: nobody knows.
Holding: TypeAlias = tuple[str, float, float]


@dataclass
class Owner:
    """What somebody has, and had of late."""

    has: float = 0.0
    lately: float = 0.0

    @property
    def share(self) -> float:
        """What the queue goes by: who has the least is served first."""
        return self.has + self.lately


class Future:
    """Owners' shares while the runs of a queue begin one after another, each as soon as there is room for it."""

    def __init__(self, idle: float, holdings: Iterable[Holding], lately: Mapping[str, float]) -> None:
        """`idle`: devices that nobody has. `holdings`: those that somebody has."""
        self._owners: dict[str, Owner] = {}
        self._now_s, self._idle = 0.0, idle
        self._number = count()  # settles ties
        self._ends = [self._given(self.of(owner), devices, left_s) for owner, devices, left_s in holdings]
        heapify(self._ends)
        for name, devices in lately.items():
            self.of(name).lately = devices

    def of(self, name: str) -> Owner:
        """The owner of this name."""
        if (known := self._owners.get(name)) is None:
            known = self._owners[name] = Owner()
        return known

    def wait_for(self, devices: float = 2 * _LEAST) -> None:
        """Let time go by until so many are idle, or all that there are; by itself, until any part of one is."""
        while self._idle < devices - _LEAST and self._ends:
            in_s, _, owner, given_back = heappop(self._ends)
            self._pass_until(in_s)
            owner.has -= given_back
            self._idle += given_back

    def begin(self, owner: Owner, devices: float, expected_s: float | None) -> None:
        """Somebody gets devices, for so long."""
        self.wait_for(devices)
        self._idle -= devices
        heappush(self._ends, self._given(owner, devices, inf if expected_s is None else expected_s))

    def _given(self, owner: Owner, devices: float, for_s: float) -> tuple[float, int, Owner, float]:
        """When they are given back, what settles ties, by whom, and how many."""
        owner.has += devices
        ends_s = self._now_s + (_SUPPOSED_S if for_s == inf else for_s)
        return ends_s, next(self._number), owner, devices

    def _pass_until(self, now_s: float) -> None:
        for one in self._owners.values():
            one.lately = faded(one.lately, now_s - self._now_s) + had(one.has, now_s - self._now_s)
        self._now_s = now_s
