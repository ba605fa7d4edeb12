"""Reading the plain files of another tool's run: `FOLDER/PROJECT/RUN.csv`, `.yaml` and `.pt`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.formats.encodings import encoding_of, text_of
from gpurun_jupyter.core.formats.plain_files import Header, Row, parameters_in, whole_records
from gpurun_jupyter.core.names import told
from gpurun_jupyter.core.runs import RunSpec

ENDINGS = (".csv", ".yaml", ".pt")

_CHUNK_BYTES = 4 * 2**20
_BEGINNING_BYTES = 4
_LONGEST_YAML_BYTES = 2**20
#: The fact in the log of such a run that says how far the CSV was read.
CSV_PLACE = "csv_bytes"
#: Larger numbers in a column of times are seconds since the epoch.
EPOCH_S = 1e8


class PlainRun(NamedTuple):
    """The files of a run: `stem` is their path without the ending."""

    project: str
    name: str
    stem: str

    @classmethod
    def of(cls, path: Path) -> PlainRun:
        """The run that a file belongs to."""
        return cls(path.parent.name, path.stem, str(path.with_suffix("")))

    @property
    def csv(self) -> Path:
        """Its metrics."""
        return Path(f"{self.stem}.csv")

    @property
    def yaml(self) -> Path:
        """Its parameters."""
        return Path(f"{self.stem}.yaml")

    @property
    def checkpoint(self) -> Path:
        """Its model."""
        return Path(f"{self.stem}.pt")

    def changes(self) -> list[float]:
        """When each of its files was written last, seconds since the epoch."""
        return [path.stat().st_mtime for path in (self.csv, self.yaml, self.checkpoint) if path.is_file()]

    def csv_bytes(self) -> int:
        """The size of the CSV; 0 where there is none."""
        return self.csv.stat().st_size if self.csv.is_file() else 0

    def parameters(self) -> dict[str, Any]:
        """What the YAML says. Raises InvalidRequest and OSError."""
        if not self.yaml.is_file():
            return {}
        with self.yaml.open("rb") as file:
            data = file.read(_LONGEST_YAML_BYTES + 1)
        if len(data) > _LONGEST_YAML_BYTES:
            raise InvalidRequest(f"{self.yaml.name} is larger than 1 MB.", "Keep only the parameters in it.")
        return parameters_in(text_of(data))

    def spec(self, parameters: dict[str, Any]) -> RunSpec:
        """The spec that stands for the run. Raises InvalidRequest for names that no run can have."""
        fields = {"files": self.stem, "name": self.name, "project": self.project, "values": parameters}
        try:
            return msgspec.convert(fields, RunSpec)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"Its name cannot be that of a run: {told(error)}.", "Rename the file.") from error


def runs_in(project: Path) -> list[PlainRun]:
    """The runs whose files lie in the folder of a project."""
    paths = (path for path in sorted(project.iterdir()) if path.suffix in ENDINGS and not path.name.startswith("."))
    return list(dict.fromkeys(PlainRun.of(path) for path in paths if path.is_file()))


def runs_below(folder: Path) -> list[PlainRun]:
    """The runs of every project in a folder."""
    projects = (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("."))
    return [run for project in projects for run in runs_in(project)]


@dataclass
class Reader:
    """How far a CSV was read: whole records only, and each once."""

    path: Path
    read_bytes: int = 0
    header: Header | None = None

    def new_rows(self, *, is_last: bool = False) -> list[Row]:
        """What was appended since, some megabytes at most; the last record of all may lack its end.

        Raises InvalidRequest where the first row is no header.
        """
        found: list[Row] = []
        # a piece of the header alone, or of lines without a number, is not the end
        while not found and (records := self._records(is_last)):
            if self.header is None:
                self.header = Header(records.pop(0))
            found = [row for row in map(self.header.row, records) if row is not None]
        return found

    def _records(self, is_last: bool) -> list[bytes]:
        if not self.path.is_file() or self.path.stat().st_size <= self.read_bytes:
            return []
        if self.header is None and self.read_bytes:  # it was read by a server before
            self.header = Header(_records(self.path, 0, False)[0][0])
        found, size = _records(self.path, self.read_bytes, is_last)
        self.read_bytes += size
        return found


def began_at(rows: Sequence[Row], changes: Sequence[float]) -> float:
    """When a run began: as the times in the CSV say, else when the first of its files was written."""
    times = [row.time for row in rows if row.time is not None]
    if not times:
        return min(changes)
    return times[0] if times[0] > EPOCH_S else max(changes) - times[-1]


def _records(path: Path, offset: int, is_last: bool) -> tuple[list[bytes], int]:
    with path.open("rb") as file:
        encoding = encoding_of(file.read(_BEGINNING_BYTES))
        file.seek(offset)
        data = file.read(_CHUNK_BYTES)
    found, size = whole_records(data, encoding)
    # only at the end of the file: else the record goes on in the next piece
    if is_last and len(data) < _CHUNK_BYTES and size < len(data):
        found += whole_records(data[size:] + "\n".encode(encoding), encoding)[0]
        size = len(data)
    return found, size
