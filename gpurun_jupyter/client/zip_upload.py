"""A zip as it is, sent to be a run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpurun_jupyter.client.http import UPLOAD_TIMEOUT, Connection
from gpurun_jupyter.client.options import form_of
from gpurun_jupyter.core.runs import Run, RunSpec


def upload(connection: Connection, key: str, path: Path, spec: RunSpec, what: Mapping[str, str | list[str]]) -> Run:
    """Submit a zip; `what` are the form's fields beside the options."""
    with contextlib.ExitStack() as opened:

        def content() -> dict[str, Any]:
            file = opened.enter_context(path.open("rb"))  # for each try from its beginning
            files = {"file": (path.name, file, "application/zip")}
            return {"files": files, "data": {**form_of(spec), **what}, "timeout": UPLOAD_TIMEOUT}

        return connection.post_once_only("runs/zip", Run, key, content)
