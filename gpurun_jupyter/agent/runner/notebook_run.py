"""A notebook run: its code cells one after another in one kernel, as a cell run executes its one.

It stops at the first cell that fails. Its log says where each cell begins, so the log alone tells what the executed
notebook looks like; that is written into the working directory at the end, however the run ended.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import nbformat

from gpurun_jupyter.agent.kernels.kernelspecs import kernelspec
from gpurun_jupyter.agent.runner.kernel_run import DEFAULT_KERNEL, KernelRun
from gpurun_jupyter.core import parameters
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.events import AnyEvent, Artifact, Cell, End, Progress, event_on
from gpurun_jupyter.core.launch.grid import variables
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.notebooks import EXECUTED, fill
from gpurun_jupyter.core.runs import ShippedNotebook
from gpurun_jupyter.core.system.records import open_plain

_BAR = "cells"
_MAY_RAISE, _SKIPPED = "raises-exception", "skip-execution"


class NotebookRun(KernelRun):
    """Runs `spec.notebook`."""

    async def run(self) -> End:
        """As a cell run does. Raises GpurunError also for what is no notebook."""
        shipped, kernel = self._grant.spec.notebook, self._grant.spec.kernel or DEFAULT_KERNEL
        assert shipped is not None  # runner has looked
        self._notebook = read(
            self._folder.home.blob(shipped.digest), self._shipped_with_values(shipped), kernelspec(kernel).language
        )
        try:
            return await super().run()
        finally:
            self._write()

    def _shipped_with_values(self, shipped: ShippedNotebook) -> ShippedNotebook:
        parameters = shipped.parameters | variables(self._grant.spec)
        return msgspec.structs.replace(shipped, parameters=parameters)

    async def _run_code(self) -> None:
        found = list(_to_run(self._notebook))
        for number, (index, cell) in enumerate(found, 1):
            self._sink.event(Cell(number=number, total=len(found), index=index, code=cell.source))
            self._tell(number - 1, len(found))
            await self._execute(cell.source)
            self._sink.flush()  # what is held back belongs to this cell
            if self._end.reason is Reason.EXCEPTION and _MAY_RAISE in _tags(cell):
                self._end = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)
            if not self._goes_on:
                if self._end.reason in (Reason.EXCEPTION, Reason.EXIT_CODE):
                    self._end.message = f"cell {number} of {len(found)}: {self._end.message}"
                return
        self._tell(len(found), len(found))

    def _tell(self, done: int, total: int) -> None:
        label = f"cell {min(done + 1, total)}/{total}"
        self._sink.event(Progress(id=_BAR, label=label, done=done, total=total))

    def _write(self) -> None:
        """The executed notebook, from the log that was written so far."""
        self._sink.flush()
        path = self._folder.work / EXECUTED
        notebook = nbformat.from_dict(fill(self._notebook, _events(self._folder.events)))
        assert self._grant.spec.notebook is not None
        told = {"run": self._grant.run_id, "name": self._grant.name}
        parameters = self._shipped_with_values(self._grant.spec.notebook).parameters
        notebook.metadata["gpurun"] = {**told, "parameters": parameters}
        data = nbformat.writes(notebook).encode()
        path.unlink(missing_ok=True)  # what was shipped may be read-only
        path.write_bytes(data)
        self._sink.event(Artifact(digest=hashlib.sha256(data).hexdigest(), size=len(data), path=EXECUTED))


def read(path: Path, shipped: ShippedNotebook, language: str) -> Any:
    """A notebook file with the parameters in it and no outputs. Raises InvalidRequest."""
    try:
        notebook = nbformat.reads(path.read_text("utf-8"), as_version=4)
        notebook = nbformat.v4.upgrade(notebook, 4, notebook.nbformat_minor)  # cells have ids
    except Exception as error:  # nbformat has many, and those of its schema libraries
        raise InvalidRequest(f"{shipped.name} is not a notebook: {error}.", "Send an .ipynb file.") from error
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if shipped.parameters:
        inject(notebook, parameters.as_code(shipped.parameters, language))
    return notebook


def inject(notebook: Any, code: str) -> None:
    """Put a cell with parameters after that which has their defaults, else first; one of an earlier run gives way."""
    notebook.cells = [cell for cell in notebook.cells if parameters.INJECTED not in _tags(cell)]
    tagged = (index for index, cell in enumerate(notebook.cells, 1) if parameters.PARAMETERS in _tags(cell))
    cell = nbformat.v4.new_code_cell(code, metadata={"tags": [parameters.INJECTED]})
    notebook.cells.insert(next(tagged, 0), cell)


def _to_run(notebook: Any) -> Iterator[tuple[int, Any]]:
    """The cells with code, each with its place in the notebook."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and cell.source.strip() and _SKIPPED not in _tags(cell):
            yield index, cell


def _tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", ()))


def _events(log: Path) -> Iterator[AnyEvent]:
    with contextlib.suppress(FileNotFoundError), open_plain(log) as file:
        for line in file:
            if (event := event_on(line)) is not None:  # the last line is cut off should the disk be full
                yield event
