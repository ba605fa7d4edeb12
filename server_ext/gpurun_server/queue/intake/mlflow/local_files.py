"""Artifacts that lie on this machine: where MLflow says, or where they are now that all of it was moved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gpurun_jupyter.core.formats.archives import DEFAULT_LIMITS
from gpurun_jupyter.core.system.tracking_server import PROXIED
from gpurun_jupyter.report.file_names import from_text
from gpurun_server.queue.intake.mlflow.found import NotReadable, StoredFile
from gpurun_server.store.folders.files import files_below
from gpurun_server.store.models.files import pieces

#: Where `mlflow server` has the artifacts that it hands out, beside its database.
_OF_A_SERVER = "mlartifacts"


def local_files(uri: str, beside: Path) -> Iterator[StoredFile]:
    """The files at a URI of this machine; `beside` is the folder of the store. Raises NotReadable."""
    root = _place(uri, beside)
    if root is None:
        return
    if root.is_file():
        yield StoredFile(root.name, partial(pieces, root))
        return
    for file in files_below(root, DEFAULT_LIMITS.files + 1):  # one more tells that there are too many
        yield StoredFile(file.path, partial(pieces, root / from_text(file.path)))


def _place(uri: str, beside: Path) -> Path | None:
    """Where that is; None where the folders of others are there, and nothing of it. Raises NotReadable."""
    path = _path(uri)
    parts = path.parts[1:] if path.is_absolute() else path.parts
    # the last three are experiment, run and `artifacts`
    moved = [beside.joinpath(*parts[cut:]) for cut in range(max(1, len(parts) - 2))]
    told = beside / path  # one that is absolute stays as it is
    for place in (told, *moved):
        if place.exists():
            return place
    if any(map(_holds_others, (told.parents[2], *(place.parents[1] for place in (told, *moved))))):
        return None
    raise NotReadable(
        f"in {told.parents[1]}, which the server's machine does not have",
        "Put that folder beside the database, and import again.",
    )


def _holds_others(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())  # where nothing is mounted there may be an empty one


def _path(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.scheme == PROXIED:
        return Path(_OF_A_SERVER, unquote(parts.path).lstrip("/"))
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if parts.scheme:
        raise NotReadable(
            f"in {parts.scheme}://{parts.netloc}, from where gpurun reads nothing",
            "Import from the tracking server, http://HOST:PORT, which may hand them out.",
        )
    return Path(uri)
