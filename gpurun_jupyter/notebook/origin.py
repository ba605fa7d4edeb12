"""Which cell of which notebook is being run: its next run finds this one, and tracebacks name its lines."""

from __future__ import annotations

import os
from typing import Any

from gpurun_jupyter.core.origins import Origin

#: Jupyter Server names the notebook (or the console) that started a kernel.
_SESSION = "JPY_SESSION_NAME"


def of_this_cell(shell: Any, code: str) -> Origin:
    """The cell whose code, below the magic, is to be run; its id where the front end, as JupyterLab does, sends it."""
    get_parent = getattr(getattr(shell, "kernel", None), "get_parent", None)
    parent = {} if get_parent is None else get_parent("shell") or {}  # a terminal, or a kernel that is not ipykernel
    whole = (parent.get("content") or {}).get("code")
    origin = Origin(number=shell.execution_count, lines_above=_lines_above(code, whole))
    cell = (parent.get("metadata") or {}).get("cellId")
    if isinstance(cell, str) and cell:
        origin.notebook, origin.cell = os.environ.get(_SESSION), cell
    return origin


def _lines_above(code: str, whole: object) -> int:
    """The lines of the whole cell above the first one of the code that says something: a kernel drops empty ones."""
    begins = len(code) - len(code.lstrip())
    above = whole.find(code.rstrip("\n")) if isinstance(whole, str) and code.strip() else -1
    lines = 1 if above < 0 else str(whole).count("\n", 0, above)
    return lines + code.count("\n", 0, begins)
