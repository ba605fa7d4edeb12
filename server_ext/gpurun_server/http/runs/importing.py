"""Runs of other tools, from what these left on the server's machine, or know on a server of their own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, Parts, operation
from gpurun_server.queue.intake.importing import Importer, import_folder
from gpurun_server.queue.intake.logger_runs import import_logged
from gpurun_server.queue.intake.mlflow.importing import import_mlflow


class Import(msgspec.Struct, forbid_unknown_fields=True):
    """A folder of the server's machine that holds PROJECT/RUN.csv, .yaml and .pt, or is such a PROJECT.

    With a `kind` it is one below which a logger left its runs; with `mlflow` a database, a folder or the URL of a
    tracking server, which is told `authorization` in the header of that name; it is kept nowhere. `after` is the `next`
    of the answer before.
    """

    path: str
    kind: Literal["files", "tensorboard", "wandb", "mlflow"] = "files"
    authorization: Annotated[str, msgspec.Meta(max_length=10_000, pattern=r"^[\x20-\x7e]*$(?!\n)")] | None = None
    after: str | None = None


class Imported(msgspec.Struct):
    """The ids of the runs that are new or have changed, and sentences about what was left out.

    With `next` there is more: ask again with it as `after`.
    """

    runs: list[str]
    left_out: list[str]
    next: str | None = None


class ImportHandler(GpurunHandler):
    """`import`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Show what another tool wrote as runs that have finished", body=Import, answer=Imported, status=201)
    async def post(self) -> None:
        """Import."""
        asked = self.body(Import)
        self.answer(await self.in_thread(partial(_imported, self.parts, self.owner, asked)), 201)


def _imported(parts: Parts, owner: str, asked: Import) -> Imported:
    said, place, home, database = list[str](), _place(asked.path), parts.home, parts.database
    if asked.kind == "mlflow":
        piece = import_mlflow(home, database, owner, asked.path, asked.authorization, asked.after, said.append)
        return Imported(piece.runs, said, piece.next)
    if asked.kind == "files":
        return Imported(import_folder(Importer(home, database, owner, said.append), place), said)
    return Imported(import_logged(home, database, owner, asked.kind, place, said.append), said)


def _place(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody is called so
        return Path(path)


default_handlers = [(r"import", ImportHandler)]
