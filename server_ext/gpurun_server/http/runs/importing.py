"""Runs of other tools, from the plain files that these left in a folder of the server's machine."""

from __future__ import annotations

from pathlib import Path

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.queue.intake.importing import Importer, import_folder


class Import(msgspec.Struct, forbid_unknown_fields=True):
    """A folder of the server's machine that holds PROJECT/RUN.csv, .yaml and .pt, or is such a PROJECT."""

    path: str


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
        path, left_out = self.body(Import).path, list[str]()
        importer = Importer(self.parts.home, self.parts.database, self.owner, left_out.append)
        found = await self.in_thread(lambda: import_folder(importer, _place(path)))
        self.answer(Imported(found, left_out), 201)


def _place(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody is called so
        return Path(path)


default_handlers = [(r"import", ImportHandler)]
