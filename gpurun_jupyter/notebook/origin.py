"""Which cell of which notebook is being run, so that its next run finds this one."""

from __future__ import annotations

import os
from typing import Any

from gpurun_jupyter.core.origins import Origin

#: Jupyter Server names the notebook (or the console) that started a kernel.
_SESSION = "JPY_SESSION_NAME"


def of_this_cell(shell: Any) -> Origin | None:
    """The cell's id as JupyterLab sends it with the request; None where the front end names no cell."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    parent = kernel.get_parent("shell") or {}
    cell = (parent.get("metadata") or {}).get("cellId")
    return Origin(notebook=os.environ.get(_SESSION), cell=cell) if isinstance(cell, str) and cell else None
