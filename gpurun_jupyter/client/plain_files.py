"""A run written as plain files, for any other tool: `PROJECT/RUN.csv`, `.yaml`, and its last checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from gpurun_jupyter.client.runs import Run
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.events import Checkpoint, Metric, Start
from gpurun_jupyter.core.formats.plain_files import Row, as_csv, as_yaml
from gpurun_jupyter.core.parameters import logged_in, parameters_of


def write(run: Run, into: Path, *, force: bool = False) -> list[Path]:
    """Write a run, of its last attempt, below a folder; returns the files.

    Raises InvalidRequest where there are such files already, unless `force` replaces them.
    """
    rows, checkpoint = _measured(run)
    stem = into / run.record.project / run.name.replace("/", "-")
    there = [path for ending in (".csv", ".yaml") if (path := _ending(stem, ending)).exists()]
    if there and not force:
        raise InvalidRequest(f"There is a file {there[0]} already.", "Name another folder, or say --force.")
    stem.parent.mkdir(parents=True, exist_ok=True)
    return [*_written(run, stem, rows), *_fetched(run, stem, checkpoint)]


def _measured(run: Run) -> tuple[list[Row], str | None]:
    rows: list[Row] = []
    checkpoint = None
    for _, event in run.events():
        if isinstance(event, Start):
            rows, checkpoint = [], None  # another attempt
        elif isinstance(event, Metric):
            rows.append(Row(event.step, event.m, {name: float(value) for name, value in event.values.items()}))
        elif isinstance(event, Checkpoint):
            checkpoint = event.path
    return rows, checkpoint


def _written(run: Run, stem: Path, rows: list[Row]) -> Iterator[Path]:
    metrics, parameters = _ending(stem, ".csv"), _ending(stem, ".yaml")
    with metrics.open("w", encoding="utf-8", newline="") as file:
        file.writelines(as_csv(rows))
    record = run.record if run.record.spec is not None else run.refresh().record
    assert record.spec is not None
    names = ("id", "owner", "kind", "outcome", "created_at", "started_at", "finished_at", "spec")
    own = {name: value for name, value in msgspec.to_builtins(record).items() if name in names}
    parameters.write_text(as_yaml(logged_in(record.meta) | parameters_of(record.spec), own), encoding="utf-8")
    yield from (metrics, parameters)


def _fetched(run: Run, stem: Path, checkpoint: str | None) -> Iterator[Path]:
    path = f"checkpoints/{checkpoint}"
    if checkpoint is not None and any(file.path == path for file in run.files()):
        yield run.download(path, _ending(stem, PurePosixPath(path).suffix))


def _ending(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)
