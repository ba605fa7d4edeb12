"""The workspace of an attempt: an empty folder, or what was shipped."""

from __future__ import annotations

from gpurun_jupyter.core import archives
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder


def lay_out(folder: AttemptFolder, grant: Grant) -> None:
    """Make the workspace and unpack the shipped directory into it. Raises BadArchive and OSError."""
    folder.checkpoints.mkdir(exist_ok=True)
    folder.work.mkdir(exist_ok=True)
    shipped = grant.spec.dir
    if shipped is not None:
        archives.unpack(folder.home.blob(shipped.zip), folder.work, entry=shipped.entry)
