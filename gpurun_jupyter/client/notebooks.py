"""Notebooks as runs, and runs as notebooks."""

from __future__ import annotations

import hashlib
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import nbformat

from gpurun_jupyter.client import blobs
from gpurun_jupyter.client.http import Connection
from gpurun_jupyter.client.options import spec_of
from gpurun_jupyter.core.errors import FileMissing, WrongState
from gpurun_jupyter.core.events import AnyEvent, Cell, Start
from gpurun_jupyter.core.notebooks import EXECUTED, fill, outputs_of
from gpurun_jupyter.core.origins import of_notebook
from gpurun_jupyter.shipping.notebooks import read

if TYPE_CHECKING:
    from gpurun_jupyter.client.runs import Run
    from gpurun_jupyter.core.runs import RunSpec


def ship(
    connection: Connection, path: Path | str, parameters: Mapping[str, Any], options: Mapping[str, Any]
) -> RunSpec:
    """Send a notebook file if the server lacks it; returns the run that it is to be, in the kernel that it names.

    Raises FileMissing and InvalidRequest.
    """
    notebook = read(path)
    data = nbformat.writes(notebook).encode()
    digest = hashlib.sha256(data).hexdigest()
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    shipped = {"digest": digest, "name": Path(path).name, "parameters": dict(parameters)}
    spec = spec_of({"kernel": kernel, **options}, notebook=shipped)
    if spec.notebook is not None:
        spec.notebook.check()
    spec.origin = spec.origin or of_notebook(Path(path).expanduser())
    blobs.send(connection, {digest: data})  # last: what is refused is not sent
    return spec


def as_notebook(run: Run) -> Any:
    """A run as a notebook: its code, its outputs, and in the metadata under `gpurun` what it was.

    Of a notebook run this is the executed notebook. Where there is none, as after a runner was killed, its cells are
    those that were begun.
    """
    spec = run.refresh().record.spec
    assert spec is not None  # asked for one run, the server gives it
    executed = _executed(run) if spec.notebook is not None else None
    notebook = executed if executed is not None else _from_log(run, spec)
    record = run.record
    notebook.metadata["gpurun"] = {
        "run": run.id,
        "name": run.name,
        "outcome": record.outcome.value if record.outcome else None,
        "parameters": spec.notebook.parameters if spec.notebook else {},
        "env": spec.env,
        "inputs": sorted(spec.inputs),
        "outputs": spec.outputs,
        **({"origin": msgspec.to_builtins(spec.origin)} if spec.origin else {}),
    }
    return notebook


def write(notebook: Any, path: Path) -> None:
    """Write it to a file. Raises OSError."""
    nbformat.write(notebook, path)


def _executed(run: Run) -> Any:
    """The executed notebook among the run's files, or None."""
    with tempfile.TemporaryDirectory(prefix="gpurun-") as folder:
        try:
            return nbformat.read(run.download(EXECUTED, folder), as_version=4)
        except (FileMissing, WrongState, ValueError):  # ValueError: the run has put something else there
            return None


def _from_log(run: Run, spec: RunSpec) -> Any:
    events: list[AnyEvent] = []
    for _, event in run.events():
        if isinstance(event, Start):
            events.clear()  # the last attempt counts
        events.append(event)
    begun = [event for event in events if isinstance(event, Cell)]
    sources = [cell.code for cell in begun] if spec.notebook is not None else [_code_of(spec)]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    if spec.kernel:
        notebook.metadata["kernelspec"] = {"name": spec.kernel, "display_name": spec.kernel}
    if spec.notebook is None:
        outputs = nbformat.from_dict(outputs_of(events))
        notebook.cells[0].update(outputs=outputs, execution_count=1)
        return notebook
    return nbformat.from_dict(fill(notebook, _renumbered(events)))


def _renumbered(events: list[AnyEvent]) -> list[AnyEvent]:
    """The events with the cells at their places in a notebook that has no others."""
    for place, cell in enumerate(event for event in events if isinstance(event, Cell)):
        cell.index = place
    return events


def _code_of(spec: RunSpec) -> str:
    """The code of a cell; of an entry point the line that submits it."""
    if spec.code is not None or spec.dir is None:
        return spec.code or ""
    arguments = shlex.join(spec.dir.args)
    return f"%gpurun submit {shlex.join(spec.dir.what)} --dir .{f' -- {arguments}' if arguments else ''}"
