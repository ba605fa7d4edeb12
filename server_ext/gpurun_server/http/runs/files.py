"""The files of a run: list and download."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import BadArchive, WrongState
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.manifests import Manifest, decode
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.http.base import AttemptNumber, GpurunHandler, Parts, operation
from gpurun_server.http.ranges import send_file
from gpurun_server.store.folders.files import RunFile, files_of, place_of
from gpurun_server.store.queries import decode_spec, find


class FilesQuery(msgspec.Struct):
    """Which attempt; the last one where it is not said."""

    attempt: AttemptNumber | None = None


class Files(msgspec.Struct):
    """The files of one attempt."""

    attempt: int
    files: list[RunFile]


class _FilesHandler(GpurunHandler):
    def run_of(self, reference: str) -> sa.Row[Any]:
        """The run that is asked for. Raises RunNotFound and AmbiguousRun."""
        with self.parts.database.read() as conn:
            return find(conn, reference, self.owner)

    def attempt_of(self, run: sa.Row[Any]) -> tuple[int, AttemptFolder]:
        """The attempt that is asked for. Raises WrongState where there was none yet."""
        number = self.query(FilesQuery).attempt or run.attempt
        folder = self.parts.home.attempt(run.id, number)
        if not folder.path.is_dir():
            raise WrongState(f"Run {run.name} ({run.id}) has no attempt {number or 1} yet.", "It left no files.")
        return number, folder


class FilesHandler(_FilesHandler):
    """`runs/{id}/files`."""

    @web.authenticated
    @authorized
    @operation("What the run made or changed, its checkpoints, and what was shipped", query=FilesQuery, answer=Files)
    async def get(self, reference: str) -> None:
        """List."""
        run = self.run_of(reference)
        number, folder = self.attempt_of(run)
        spec = decode_spec(run.spec_json)
        found = await self.in_thread(lambda: files_of(folder, _shipped(self.parts, spec)))
        self.answer(Files(number, found))


def _shipped(parts: Parts, spec: RunSpec) -> Manifest | None:
    """What was shipped with a run; None where nothing was, and where it is not known any more."""
    if spec.dir is None:
        return None
    try:
        return decode(parts.home.blob(spec.dir.manifest).read_bytes())
    except (OSError, BadArchive):
        return None


class FileHandler(_FilesHandler):
    """`runs/{id}/files/{path}`."""

    @web.authenticated
    @authorized
    @operation(
        "Download one of them, or the part that Range asks for",
        query=FilesQuery,
        answer_type="application/octet-stream",
        also=(206, 416),
    )
    async def get(self, reference: str, path: str) -> None:
        """Download."""
        _, folder = self.attempt_of(self.run_of(reference))
        place = place_of(folder, path)
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(place.name)}")
        await send_file(self, place)


default_handlers = [
    (r"runs/([^/]+)/files", FilesHandler),
    (r"runs/([^/]+)/files/(.+)", FileHandler),
]
