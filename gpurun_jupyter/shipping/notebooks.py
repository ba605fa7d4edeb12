"""A notebook as it is shipped: without its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from gpurun_jupyter.core.errors import FileMissing, InvalidRequest


def read(path: Path | str) -> Any:
    """A notebook file without its outputs. Raises FileMissing and InvalidRequest."""
    place = Path(path).expanduser()
    if not place.is_file():
        raise FileMissing(f"There is no notebook {str(path)!r}.", "Name one that exists.")
    try:
        notebook = nbformat.read(place, as_version=4)
    except Exception as error:  # nbformat has many, and those of its schema libraries
        raise InvalidRequest(f"{path} is not a notebook: {error}.", "Name an .ipynb file.") from error
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook
