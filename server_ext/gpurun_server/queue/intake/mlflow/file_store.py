"""MLflow's store of files, the folder `mlruns`: EXPERIMENT/RUN/meta.yaml with metrics, params, tags and artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.system.records import open_plain
from gpurun_jupyter.report.file_names import from_text
from gpurun_server.queue.intake.mlflow.found import (
    FoundRun,
    FoundVersion,
    Point,
    StoredFile,
    as_number,
    in_order,
    said_deleted,
    with_stages,
)
from gpurun_server.queue.intake.mlflow.local_files import local_files
from gpurun_server.store.folders.files import files_below

_META, _TRASH, _MODELS = "meta.yaml", ".trash", "models"
_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_LONGEST_BYTES = 2**20  # of a description, a parameter or a tag
_MOST = 100_000  # files of one kind of a run


class FileStore:
    """A Store. Raises InvalidRequest for a folder that is none."""

    def __init__(self, path: Path) -> None:
        self._root = path.resolve()
        self.name = str(self._root)
        if not self._experiments and not (self._root / _TRASH).is_dir():
            hint = "Name the folder that MLflow wrote into, mostly called mlruns."
            raise InvalidRequest(f"{path} is no folder of MLflow's: it holds no EXPERIMENT/meta.yaml.", hint)

    def runs(self) -> list[FoundRun]:
        """All that were not deleted."""
        return [
            self._run(folder, meta, str(experiment.get("name") or ""))
            for place, experiment in self._experiments.items()
            for folder, meta in _described(place)
            if meta.get("lifecycle_stage", "active") == "active"
        ]

    def points(self, run: FoundRun) -> Iterator[Point]:
        """All that a run has measured, in the order of time and steps."""
        return in_order(point for points in _metrics(self._folders[run.id]).values() for point in points)

    def models(self, run: FoundRun) -> Iterator[tuple[str, str]]:
        """The models that a run logged, by their names, each with its URI: since MLflow 3 they lie apart."""
        folder = self._folders[run.id]
        for output, _ in _described(folder / "outputs"):
            place = folder.parent / _MODELS / output.name
            if (meta := _meta(place)) is not None:
                yield str(meta.get("name") or output.name), str(meta.get("artifact_location") or place / "artifacts")

    def files(self, uri: str, run: FoundRun | None) -> Iterator[StoredFile]:  # noqa: ARG002 - as Store has it
        """What lies at a URI. Raises NotReadable."""
        return local_files(uri, self._root)

    def versions(self) -> Iterator[FoundVersion]:
        """The versions of registered models, of each the oldest first."""
        for model, about in _described(self._root / _MODELS):
            name = str(about.get("name") or model.name)
            metas = {int(meta["version"]): (place, meta) for place, meta in _described(model) if "version" in meta}
            aliases: dict[tuple[str, int], list[str]] = {}
            for alias, number in (about.get("aliases") or {}).items():
                aliases.setdefault((name, int(number)), []).append(str(alias))
            named = with_stages({(name, one): meta.get("current_stage") for one, (_, meta) in metas.items()}, aliases)
            for number, (place, meta) in sorted(metas.items()):
                yield FoundVersion(
                    model=name,
                    version=number,
                    description=str(meta.get("description") or ""),
                    tags=_texts(place / "tags"),
                    run_id=meta.get("run_id") or None,
                    files=str(meta.get("storage_location") or meta.get("source") or ""),
                    aliases=named[name, number],
                )

    def deleted(self) -> str:
        """What was deleted there and is left out, in a sentence; else nothing."""
        stages = [meta.get("lifecycle_stage") for place in self._experiments for _, meta in _described(place)]
        return said_deleted(stages.count("deleted"), len([*_described(self._root / _TRASH)]))

    def close(self) -> None:
        """Let go of it."""

    @cached_property
    def _experiments(self) -> dict[Path, dict[str, Any]]:
        return {place: meta for place, meta in _described(self._root) if "artifact_location" in meta}

    @cached_property
    def _folders(self) -> dict[str, Path]:
        """The folder of each run."""
        return {place.name: place for experiment in self._experiments for place, _ in _described(experiment)}

    def _run(self, folder: Path, meta: dict[str, Any], experiment: str) -> FoundRun:
        return FoundRun(
            id=folder.name,  # as text: some are numbers to YAML
            experiment=experiment,
            name=str(meta.get("run_name") or ""),
            status=_STATUS.get(meta.get("status") or 1, ""),
            started_ms=meta.get("start_time"),
            ended_ms=meta.get("end_time"),
            parameters=_texts(folder / "params"),
            tags=_texts(folder / "tags"),
            latest=[max(points, key=lambda point: (point.step, point.at)) for points in _metrics(folder).values()],
            artifacts=str(meta.get("artifact_uri") or folder / "artifacts"),
        )


def _described(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folders in a folder that have a meta.yaml, with what it says."""
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if place.name != _TRASH and (meta := _meta(place)) is not None:
            yield place, meta


def _meta(folder: Path) -> dict[str, Any] | None:
    """What the meta.yaml of a folder says; None where there is none that can be read."""
    try:
        # by MLflow's own rules, those of YAML 1.1: it writes the name 1e5 as it is, which is a number in YAML 1.2
        found = yaml.load(_text(folder / _META), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (OSError, yaml.YAMLError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _text(path: Path) -> str:
    with open_plain(path) as file:
        return file.read(_LONGEST_BYTES).decode(errors="replace")


def _texts(folder: Path) -> dict[str, str]:
    """The files of a folder, which hold a text each, by their names; those may have slashes."""
    return {file.path: _text(folder / from_text(file.path)) for file in files_below(folder, _MOST)}


def _metrics(folder: Path) -> dict[str, list[Point]]:
    found = {}
    for file in files_below(folder / "metrics", _MOST):
        with open_plain(folder / "metrics" / from_text(file.path)) as lines:
            points = [point for line in lines if (point := _point(file.path, line)) is not None]
        if points:
            found[file.path] = points
    return found


def _point(name: str, line: bytes) -> Point | None:
    """`TIME VALUE STEP`, without the step in the oldest; None for a line that is damaged."""
    parts = line.split() if line.endswith(b"\n") else []  # the rest of it is still to be written
    try:
        return Point(name, as_number(parts[1].decode()), int(parts[2]) if len(parts) > 2 else 0, int(parts[0]) / 1000)
    except (ValueError, IndexError):
        return None
