"""What is found in a store of MLflow's, whichever it is."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

import msgspec

from gpurun_jupyter.core.errors import GpurunError, StorageFull, StorageUnusable, TrackingUnreachable
from gpurun_server.store.disk import refusal_of

PARENT = "mlflow.parentRunId"
NAME = "mlflow.runName"
_INFINITE = sys.float_info.max
_STAGES = ("production", "staging")


class NotReadable(GpurunError):
    """Raised for artifacts that cannot be had from here: the message says where they are, the hint what to do."""

    code = "not_readable"


class Point(NamedTuple):
    """A value of a metric; `at` is seconds since the epoch."""

    name: str
    value: float
    step: int
    at: float


class FoundRun(msgspec.Struct, kw_only=True):
    """A run: `status` is MLflow's word, times are milliseconds, `latest` has the last point of each metric.

    `artifacts` is where they are, a URI.
    """

    id: str
    experiment: str
    name: str
    status: str
    started_ms: int | None
    ended_ms: int | None
    parameters: dict[str, str]
    tags: dict[str, str]
    latest: list[Point]
    artifacts: str

    @property
    def parent(self) -> str | None:
        """The run in which it is nested."""
        return self.tags.get(PARENT)

    @property
    def is_over(self) -> bool:
        """Whether MLflow says so."""
        return self.status in ("FINISHED", "FAILED", "KILLED")

    def mark(self, parent: str | None) -> str:
        """Changes with whatever is told of the run, and with the run here that is its `parent`.

        The same run has the same mark in whichever store it is found.
        """
        latest = sorted(repr(point) for point in self.latest)
        told = [self.name, self.status, self.started_ms, self.ended_ms, latest, parent]
        data = msgspec.json.encode([*told, sorted(self.parameters.items()), sorted(self.tags.items())])
        return hashlib.sha256(data).hexdigest()[:16]


class FoundVersion(msgspec.Struct, kw_only=True):
    """A version of a registered model: `files` is where they are, a URI."""

    model: str
    version: int
    description: str
    tags: dict[str, str]
    run_id: str | None
    files: str
    aliases: list[str]


class StoredFile(NamedTuple):
    """A file that a run or a model left: its path, with slashes, and what gives its bytes."""

    path: str
    pieces: Callable[[], Iterator[bytes]]


class Store(Protocol):
    """Where MLflow keeps what it knows. `name` says which, without a password."""

    name: str

    def runs(self) -> list[FoundRun]:
        """All that were not deleted."""

    def points(self, run: FoundRun) -> Iterator[Point]:
        """All that a run has measured, in the order of time and steps."""

    def models(self, run: FoundRun) -> Iterator[tuple[str, str]]:
        """The models that a run logged, by their names, each with its URI: since MLflow 3 they lie apart."""

    def files(self, uri: str, run: FoundRun | None) -> Iterator[StoredFile]:
        """What lies at a URI, of this run where it belongs to one. Raises NotReadable."""

    def versions(self) -> Iterator[FoundVersion]:
        """The versions of registered models, of each the oldest first."""

    def deleted(self) -> str:
        """What was deleted there and is left out, in a sentence; else nothing."""

    def close(self) -> None:
        """Let go of it."""


def as_number(value: float | str) -> float:
    """A value as MLflow writes it; stores of SQL, which keep no infinity, have the largest number for it."""
    number = float(value)
    return math.copysign(math.inf, number) if abs(number) == _INFINITE else number


def said_deleted(runs: int, experiments: int) -> str:
    """The sentence of `Store.deleted`."""
    counts = ((runs, "run"), (experiments, "experiment"))
    parts = [counted(number, what) for number, what in counts if number]
    verb = "is" if runs + experiments == 1 else "are"
    return f"{' and '.join(parts)} that MLflow has deleted {verb} left out." if parts else ""


def counted(number: int, what: str) -> str:
    """`1 run`, `2,000 runs`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def in_order(points: Iterable[Point]) -> Iterator[Point]:
    """By time and steps."""
    return iter(sorted(points, key=lambda point: (point.at, point.step)))


def ends_all(error: GpurunError | OSError) -> bool:
    """Whether what has gone wrong with one run or model will go wrong with the others, too."""
    if isinstance(error, OSError):
        return refusal_of(error) is not None
    return isinstance(error, TrackingUnreachable | StorageFull | StorageUnusable)


def with_stages(
    stages: Mapping[tuple[str, int], str | None], aliases: Mapping[tuple[str, int], list[str]]
) -> dict[tuple[str, int], list[str]]:
    """The aliases of each version. A stage, which MLflow had before aliases, is one of the newest version in it."""
    found = {version: list(aliases.get(version, [])) for version in stages}
    taken = {(model, alias) for (model, _), of_it in aliases.items() for alias in of_it}
    for (model, number), stage in sorted(stages.items(), reverse=True):
        alias = (stage or "").lower()
        if alias in _STAGES and (model, alias) not in taken:
            taken.add((model, alias))
            found[model, number].append(alias)
    return found
