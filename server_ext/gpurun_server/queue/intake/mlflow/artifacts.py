"""What MLflow's runs left, copied into the workspaces of ours, and the files of its models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gpurun_jupyter.core.errors import TrackingFailed, TrackingUnreachable
from gpurun_jupyter.core.formats.archives import DEFAULT_LIMITS, Limits
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.report.file_names import from_text
from gpurun_server.queue.intake.mlflow.found import FoundRun, NotReadable, Store, StoredFile

#: The folder of a workspace in which artifacts are, each run's in one called by its id.
FOLDER = "mlartifacts"


def copy_artifacts(store: Store, run: FoundRun, folder: Path) -> None:
    """Copy what a run left, and the models that it logged, each into a folder of its name. Raises NotReadable."""
    left = _Budget(DEFAULT_LIMITS)
    for name, uri in [("", run.artifacts), *store.models(run)]:
        for file in _handed_out(store, uri, run):
            place = folder / from_text(checked(f"{name}/{file.path}".lstrip("/")))
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with place.open("xb") as out:
                for piece in left.counted(file):
                    out.write(piece)


def files_of(store: Store, uri: str, limits: Limits) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The files at a URI, each with its bytes. Raises NotReadable."""
    left = _Budget(limits)
    for file in _handed_out(store, uri, None):
        yield checked(file.path), left.counted(file)


def are_there(store: Store, run: FoundRun) -> bool:
    """Whether the artifacts of a run can be had."""
    try:
        next(_handed_out(store, run.artifacts, run), None)
    except NotReadable:
        return False
    return True


def checked(path: str) -> str:
    """A path that stays in its folder. Raises NotReadable."""
    if {"", ".", ".."} & set(path.split("/")) or "\0" in path:
        raise NotReadable(f"at {path!r}, which leads out of their folder", "Give them other names there.")
    return path


def _handed_out(store: Store, uri: str, run: FoundRun | None) -> Iterator[StoredFile]:
    try:
        yield from store.files(uri, run) if uri else ()
    except TrackingUnreachable:
        raise
    except TrackingFailed as error:
        raise NotReadable(f"not handed out ({error.message.rstrip('.')})", "The server's own log says why.") from error


class _Budget:
    """What may still come of files that are copied."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._files, self._bytes = limits, limits.files, limits.total_bytes

    def counted(self, file: StoredFile) -> Iterator[bytes]:
        """The bytes of the next. Raises NotReadable where that is too much."""
        self._files -= 1
        for piece in file.pieces():
            self._bytes -= len(piece)
            self._check()
            yield piece
        self._check()

    def _check(self) -> None:
        if self._files < 0 or self._bytes < 0:
            most = f"{self._limits.files:,} files or {format_size(self._limits.total_bytes)}"
            raise NotReadable(f"more than {most}", "They stay where they are.")
