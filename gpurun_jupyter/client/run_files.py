"""The files of a run: listing and downloading them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from gpurun_jupyter.core.run_files import RunFile
from gpurun_jupyter.report.file_names import as_typed, from_text

if TYPE_CHECKING:
    from gpurun_jupyter.client.http import Connection

#: So many files of a run are listed.
MOST_FILES = 1_000_000


class _Files(msgspec.Struct):
    files: list[RunFile]


def listed(connection: Connection, route: str) -> list[RunFile]:
    """The files of the run at this route, `MOST_FILES` at most."""
    return connection.get(f"{route}/files", _Files, [("limit", str(MOST_FILES))]).files


def fetched(connection: Connection, route: str, path: str, to: Path | str | None) -> Path:
    """Download one of them. The file gets its name when it is complete. Raises FileMissing."""
    path = as_typed(path)
    place = Path(to or ".").expanduser()
    place = place / from_text(PurePosixPath(path).name) if place.is_dir() else place
    beside = place.with_name(f".{place.name}.part")
    with connection.stream(f"{route}/files/{quote(path)}", [], "*/*") as response, beside.open("wb") as file:
        for piece in response.iter_bytes():
            file.write(piece)
    beside.replace(place)
    return place
