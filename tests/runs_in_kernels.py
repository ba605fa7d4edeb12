"""Cells and notebooks in either kind of kernel: a forked one, and one started from its kernelspec."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from servers import TOKEN, JupyterServer

from gpurun_jupyter import Client

#: What a process reads only when it starts has the run have a kernel started for it.
STARTED: dict[str, Any] = {"env": {"PYTHONHASHSEED": "0"}}


class Ended(NamedTuple):
    """What became of a run."""

    outcome: str
    reason: str
    message: str
    log: str


class Kernel:
    """Runs cells in one kind of kernel, `forked` or `started`."""

    def __init__(self, server: JupyterServer, kind: str) -> None:
        self.server = server
        self.kind = kind

    def submit(self, code: str, **fields: Any) -> str:
        """Its id."""
        return self.server.submit(code, **(STARTED if self.kind == "started" else {}), **fields)

    def run(self, code: str, **fields: Any) -> Ended:
        """Run it to its end."""
        run = self.server.wait(self.submit(code, **fields))
        return Ended(run["outcome"], run["reason"], run["message"], self.server.log(run["id"]))


def notebook_run(server: JupyterServer, folder: Path, *sources: str, **fields: Any) -> tuple[Any, Any, str]:
    """Run a notebook of these cells; the run's record, its executed notebook, its log."""
    path = folder / "cells.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    with Client(server.url, TOKEN) as client:
        run = client.submit_notebook(path, **fields).wait()
        executed = nbformat.read(run.download("executed.ipynb", folder), as_version=4)
        return run.record, executed, run.logs()
