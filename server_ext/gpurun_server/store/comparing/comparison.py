"""Runs side by side: parameters, metrics, environment and the rest of what was asked for, with only what differs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from gpurun_jupyter.core.parameters import told
from gpurun_jupyter.core.runs import MetricSummary, Run, RunSpec
from gpurun_server.store.comparing.environments import Environment

#: Told elsewhere: as parameters, in columns of their own, or as what every run has.
_TOLD = ("code", "dir", "notebook", "env", "name", "tags", "project", "inputs", "hold")


class Line(msgspec.Struct):
    """One value of each run, in the order of the runs; None where a run has none."""

    name: str
    values: list[str | None]


class MetricLine(msgspec.Struct):
    """One metric of each run, in the order of the runs; None where a run has none."""

    name: str
    values: list[MetricSummary | None]


class Comparison(msgspec.Struct):
    """Runs, and the lines in which they differ, or all where all were asked for."""

    runs: list[Run]
    parameters: list[Line]
    metrics: list[MetricLine]
    environment: list[Line]
    spec: list[Line]


def compare(runs: Sequence[Run], environments: Sequence[Environment], *, everything: bool = False) -> Comparison:
    """What of these runs differs; runs have to have their specs. `environments` are what each found where it ran."""
    specs = [run.spec or RunSpec() for run in runs]
    metrics = [MetricLine(name, values) for name, values in _side_by_side([run.metrics for run in runs])]
    return Comparison(
        runs=[msgspec.structs.replace(run, spec=None) for run in runs],
        parameters=_lines([told(spec, run.meta) for run, spec in zip(runs, specs, strict=True)], everything),
        metrics=[line for line in metrics if everything or _differ(line.values, lambda one: one and one.last)],
        environment=_lines([_place(run, found) for run, found in zip(runs, environments, strict=True)], everything),
        spec=_lines([_asked(run, spec) for run, spec in zip(runs, specs, strict=True)], everything),
    )


def _lines(columns: Sequence[Mapping[str, str]], everything: bool) -> list[Line]:
    lines = [Line(name, values) for name, values in _side_by_side(columns)]
    return [line for line in lines if everything or _differ(line.values)]


def _side_by_side(columns: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    names = dict.fromkeys(name for column in columns for name in column)
    return [(name, [column.get(name) for column in columns]) for name in names]


def _differ(values: Sequence[Any], key: Callable[[Any], Any] = lambda value: value) -> bool:
    return len({key(value) for value in values}) > 1


def _place(run: Run, environment: Environment) -> dict[str, str]:
    """Where it ran, and the packages it found there by their names."""
    found = {
        "machine": run.agent or environment.host,
        "devices": ", ".join(run.devices),
        "platform": environment.platform,
        "driver": environment.driver,
        "python": environment.python or "",
    }
    return {name: text for name, text in found.items() if text} | environment.packages


def _asked(run: Run, spec: RunSpec) -> dict[str, str]:
    """The fields of the spec as texts; what was run by name and digest."""
    found = {"project": run.project, "tags": ", ".join(run.tags), "run": _what(spec)}
    fields = {name: value for name, value in msgspec.to_builtins(spec).items() if name not in _TOLD}
    found |= {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode() for name, value in fields.items()
    }
    return {name: text for name, text in found.items() if text}


def _what(spec: RunSpec) -> str:
    parts = []
    if spec.notebook is not None:
        parts.append(f"{spec.notebook.name} {spec.notebook.digest[:8]}")
    if spec.code is not None:
        parts.append(f"cell {hashlib.sha256(spec.code.encode()).hexdigest()[:8]}")
    if spec.dir is not None:
        parts.append(f"{' '.join(spec.dir.what) or 'directory'} {spec.dir.manifest[:8]}")
    return ", ".join(parts)
