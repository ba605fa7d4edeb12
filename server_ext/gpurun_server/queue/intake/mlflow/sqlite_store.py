"""MLflow's database in SQLite, read as it is: of MLflow 2 or 3, while a server may be writing into it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_server.queue.intake.mlflow.found import (
    FoundRun,
    FoundVersion,
    Point,
    StoredFile,
    as_number,
    said_deleted,
    with_stages,
)
from gpurun_server.queue.intake.mlflow.local_files import local_files

_BUSY_S = 30.0
#: What is read of every database of MLflow's; other tables and columns came with some version.
_NEEDED = {
    "experiments": {"experiment_id", "name", "lifecycle_stage"},
    "runs": {"run_uuid", "name", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri"},
    "metrics": {"run_uuid", "key", "value", "timestamp", "step", "is_nan"},
    "latest_metrics": {"run_uuid", "key", "value", "timestamp", "step", "is_nan"},
    "params": {"run_uuid", "key", "value"},
    "tags": {"run_uuid", "key", "value"},
}
_RUNS = (
    "SELECT r.run_uuid, r.name, r.status, r.start_time, r.end_time, r.artifact_uri, e.name FROM runs r "
    "JOIN experiments e ON e.experiment_id = r.experiment_id "
    "WHERE COALESCE(r.lifecycle_stage, 'active') = 'active' AND COALESCE(e.lifecycle_stage, 'active') = 'active'"
)
_MODELS = (
    "SELECT name, artifact_location FROM logged_models "
    "WHERE source_run_id = ? AND lifecycle_stage = 'active' ORDER BY creation_timestamp_ms"
)
_VERSIONS = (
    "SELECT name, version, description, run_id, {}, current_stage FROM model_versions "
    "WHERE status = 'READY' ORDER BY name, version"
)


class SqliteStore:
    """A Store. Raises InvalidRequest for what is no database of MLflow's that can be read."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InvalidRequest(f"The server's machine has no file {path}.", "Name MLflow's database, its mlflow.db.")
        self.name, self._beside = str(path.resolve()), path.resolve().parent
        # read-only, with its locks: a server of MLflow's may be at work in it
        self._db = sqlite3.connect(f"file:{quote(self.name)}?mode=ro", uri=True, timeout=_BUSY_S)
        self._db.text_factory = lambda data: data.decode(errors="replace")
        try:
            self._columns = self._tables()
            self._check(path)
        except InvalidRequest:
            self.close()
            raise

    def runs(self) -> list[FoundRun]:
        """All that were not deleted."""
        parameters, tags = self._pairs("params"), self._pairs("tags")
        latest = defaultdict(list)
        for run, *row in self._rows("SELECT run_uuid, key, value, timestamp, step, is_nan FROM latest_metrics"):
            latest[run].append(_point(*row))
        return [
            FoundRun(
                id=run,
                experiment=experiment,
                name=name or "",
                status=status or "",
                started_ms=started,
                ended_ms=ended,
                parameters=parameters[run],
                tags=tags[run],
                latest=latest[run],
                artifacts=artifacts or "",
            )
            for run, name, status, started, ended, artifacts, experiment in self._rows(_RUNS)
        ]

    def points(self, run: FoundRun) -> Iterator[Point]:
        """All that a run has measured, in the order of time and steps."""
        asked = "SELECT key, value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ? ORDER BY timestamp, step"
        return (_point(*row) for row in self._rows(asked, run.id))

    def models(self, run: FoundRun) -> Iterator[tuple[str, str]]:
        """The models that a run logged, by their names, each with its URI: since MLflow 3 they lie apart."""
        if "logged_models" not in self._columns:
            return iter(())
        return self._rows(_MODELS, run.id)

    def files(self, uri: str, run: FoundRun | None) -> Iterator[StoredFile]:  # noqa: ARG002 - as Store has it
        """What lies at a URI. Raises NotReadable."""
        return local_files(uri, self._beside)

    def versions(self) -> Iterator[FoundVersion]:
        """The versions of registered models, of each the oldest first."""
        if "model_versions" not in self._columns:
            return
        aliases: dict[tuple[str, int], list[str]] = defaultdict(list)
        if "registered_model_aliases" in self._columns:  # since 2.3
            for name, number, alias in self._rows("SELECT name, version, alias FROM registered_model_aliases"):
                aliases[name, number].append(alias)
        tags: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
        for name, number, key, value in self._rows("SELECT name, version, key, value FROM model_version_tags"):
            tags[name, number][key] = value or ""
        has_place = "storage_location" in self._columns["model_versions"]
        rows = [*self._rows(_VERSIONS.format("COALESCE(storage_location, source)" if has_place else "source"))]
        named = with_stages({(row[0], row[1]): row[-1] for row in rows}, aliases)
        for name, number, description, run, files, _ in rows:
            yield FoundVersion(
                model=name,
                version=number,
                description=description or "",
                tags=tags[name, number],
                run_id=run or None,
                files=files or "",
                aliases=named[name, number],
            )

    def deleted(self) -> str:
        """What was deleted there and is left out, in a sentence; else nothing."""
        gone = "SELECT COUNT(*) FROM {} WHERE lifecycle_stage = 'deleted'"
        ((runs,),), ((experiments,),) = (self._rows(gone.format(table)) for table in ("runs", "experiments"))
        return said_deleted(runs, experiments)

    def close(self) -> None:
        """Let go of it."""
        self._db.close()

    def _pairs(self, table: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for run, key, value in self._rows(f"SELECT run_uuid, key, value FROM {table}"):  # noqa: S608 - ours
            found[run][key] = value or ""
        return found

    def _rows(self, asked: str, *values: Any) -> Iterator[Any]:
        try:
            yield from self._db.execute(asked, values)
        except sqlite3.Error as error:
            said = f"{self.name} cannot be read as a database of SQLite: {error}."
            raise InvalidRequest(said, "Name MLflow's database, its mlflow.db.") from error

    def _tables(self) -> dict[str, set[str]]:
        names = [name for (name,) in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        # the database's own names, quoted as SQL has it
        columns = {name: self._rows("SELECT name FROM pragma_table_info(?)", name) for name in names}
        return {name: {column for (column,) in rows} for name, rows in columns.items()}

    def _check(self, path: Path) -> None:
        lacking = {table: names - self._columns.get(table, set()) for table, names in _NEEDED.items()}
        if not _NEEDED.keys() & self._columns.keys():
            raise InvalidRequest(f"{path} is a database, but not MLflow's.", "Name MLflow's, its mlflow.db.")
        missing = [f"{table}.{name}" for table, names in lacking.items() for name in sorted(names)]
        if missing:
            raise InvalidRequest(
                f"{path} is of a version of MLflow that gpurun does not know: it has no {missing[0]}.",
                "Bring a copy of it up to date with `mlflow db upgrade sqlite:///COPY`, and import that.",
            )


def _point(name: str, value: float, at_ms: int, step: int, is_nan: int) -> Point:
    return Point(name, as_number("NaN" if is_nan else value), int(step), at_ms / 1000)
