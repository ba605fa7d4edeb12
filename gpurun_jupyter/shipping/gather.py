"""What a launch file ships: the directory, script or notebook that it names, seen from where the file lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.launch.file import LaunchFile
from gpurun_jupyter.core.manifests import digest_of
from gpurun_jupyter.core.origins import Origin, of_notebook
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.shipping.collect import Shipment, collect
from gpurun_jupyter.shipping.entries import chosen
from gpurun_jupyter.shipping.reading import unreadable


class Gathered(NamedTuple):
    """Files and the entry point among them, a notebook's content, its kernel and where it lies, or the run whose files
    are used again; else None."""

    shipment: Shipment | None = None
    entry: str | None = None
    notebook: bytes | None = None
    kernel: str | None = None
    before: RunSpec | None = None
    origin: Origin | None = None

    def spec(self, file: LaunchFile, manifest: str | None) -> RunSpec:
        """The run that the file describes; `manifest` is the shipment's sha256."""
        if self.before is not None:
            return file.spec_like(self.before)
        spec = file.spec(manifest, None if self.notebook is None else digest_of(self.notebook), self.entry)
        spec.kernel = spec.kernel or self.kernel
        spec.origin = spec.origin or self.origin
        return spec


def gather(file: LaunchFile, folder: Path, spec_of: Callable[[str], RunSpec], within: Path | None = None) -> Gathered:
    """What the file in this folder ships; nothing outside of `within`, where that is given: then it is a server's.

    `spec_of` gives that of a run which is named. Raises InvalidRequest, FileMissing, SecretsFound, TooLarge and what
    `spec_of` raises.
    """
    if file.files_of is not None:
        before = spec_of(file.files_of)
        file.spec_like(before)  # for what it refuses, before anything is sent
        return Gathered(before=before)
    shipment, entry = _files(file, folder, within)
    if file.notebook is None:
        return Gathered(shipment, entry)
    place = _place(file.notebook, folder, within)
    notebook, kernel = _notebook(place)
    return Gathered(shipment, entry, notebook, kernel, origin=of_notebook(place))


def _files(file: LaunchFile, folder: Path, within: Path | None) -> tuple[Shipment | None, str | None]:
    """What is shipped, and the entry point in it."""
    ask_git = within is None
    if file.entry is None:
        return None if file.dir is None else collect(_place(file.dir, folder, within), ask_git=ask_git), None
    place = _place(file.dir if file.dir is not None else file.entry, folder, within)
    place = place.resolve() if file.dir is not None else place
    entry, shipment, _ = chosen(place, None if file.dir is None else file.entry, ask_git=ask_git)
    if shipment is None:
        raise InvalidRequest(f"{place.name} is a zip.", "Unpack it and name the directory.")
    return shipment, entry


def _notebook(path: Path) -> tuple[bytes, str | None]:
    import nbformat

    from gpurun_jupyter.shipping.notebooks import read

    notebook = read(path)
    return nbformat.writes(notebook).encode(), notebook.metadata.get("kernelspec", {}).get("name")


def _place(text: str, folder: Path, within: Path | None) -> Path:
    """The path that is meant, if no link or `..` leads it out. Raises InvalidRequest."""
    path = folder / (Path(text).expanduser() if within is None else text)
    try:
        # Asked for what it raises: a name that is too long, a folder that may not be looked into.
        path.exists()
    except OSError as error:
        raise unreadable(text, error) from error
    if within is not None and not path.resolve().is_relative_to(within.resolve()):
        raise InvalidRequest(f"{path.name!r} is not below the directory that Jupyter serves.", "Name one that is.")
    return path
