"""Runs of other tools, from the plain files that these left in a folder of the server's machine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.queue.intake.importing import Importer, import_folder
from gpurun_server.queue.intake.logger_runs import import_logged


class Import(msgspec.Struct, forbid_unknown_fields=True):
    """A folder of the server's machine that holds PROJECT/RUN.csv, .yaml and .pt, or is such a PROJECT.

    With a `kind` it is one below which a logger left its runs.
    """

    path: str
    kind: Literal["files", "tensorboard", "wandb"] = "files"


class Imported(msgspec.Struct):
    """The ids of the runs that are new, and sentences about files that could not be read."""

    runs: list[str]
    left_out: list[str]


class ImportHandler(GpurunHandler):
    """`import`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Show what another tool wrote as runs that have finished", body=Import, answer=Imported, status=201)
    async def post(self) -> None:
        """Import."""
        asked, left_out = self.body(Import), list[str]()
        place, parts, owner = _place(asked.path), (self.parts.home, self.parts.database), self.owner
        if asked.kind == "files":
            importer = Importer(*parts, owner, left_out.append)
            found = await self.in_thread(lambda: import_folder(importer, place))
        else:
            found = await self.in_thread(lambda: import_logged(*parts, owner, asked.kind, place, left_out.append))
        self.answer(Imported(found, left_out), 201)


def _place(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody is called so
        return Path(path)


default_handlers = [(r"import", ImportHandler)]
