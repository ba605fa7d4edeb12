"""The files of a run: list and download."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import BadArchive, WrongState
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.manifests import Manifest, decode
from gpurun_jupyter.core.run_files import RunFile
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.report.file_names import as_text
from gpurun_server.http.base import AttemptNumber, GpurunHandler, Parts, operation
from gpurun_server.http.ranges import send_file
from gpurun_server.store.folders.files import MOST, files_of, place_of
from gpurun_server.store.queries import decode_spec, find


class FilesQuery(msgspec.Struct):
    """Which attempt; the last one where it is not said."""

    attempt: AttemptNumber | None = None


class FilesListQuery(FilesQuery):
    """Which attempt, and how many files at most."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = MOST


class Files(msgspec.Struct):
    """The files of one attempt; `more`: it has others that are not listed."""

    attempt: int
    files: list[RunFile]
    more: bool


class _FilesHandler(GpurunHandler):
    def run_of(self, reference: str) -> sa.Row[Any]:
        """The run that is asked for. Raises RunNotFound and AmbiguousRun."""
        with self.parts.database.read() as conn:
            return find(conn, reference, self.owner)

    def attempt_of(self, run: sa.Row[Any], asked: FilesQuery) -> tuple[int, AttemptFolder]:
        """The attempt that is asked for. Raises WrongState where there was none yet."""
        number = asked.attempt or run.attempt
        folder = self.parts.home.attempt(run.id, number)
        if not folder.path.is_dir():
            raise WrongState(f"Run {run.name} ({run.id}) has no attempt {number or 1} yet.", "It left no files.")
        return number, folder


class FilesHandler(_FilesHandler):
    """`runs/{id}/files`."""

    @web.authenticated
    @authorized
    @operation(
        "What the run made or changed, its checkpoints, and what was shipped", query=FilesListQuery, answer=Files
    )
    async def get(self, reference: str) -> None:
        """List."""
        run, asked = self.run_of(reference), self.query(FilesListQuery)
        number, folder = self.attempt_of(run, asked)
        spec = decode_spec(run.spec_json)
        found = await self.in_thread(lambda: files_of(folder, _shipped(self.parts, spec), asked.limit + 1))
        self.answer(Files(number, found[: asked.limit], len(found) > asked.limit))


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
        _, folder = self.attempt_of(self.run_of(reference), self.query(FilesQuery))
        place = place_of(folder, path)
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(as_text(place.name))}")
        await send_file(self, place)


default_handlers = [
    (r"runs/([^/]+)/files", FilesHandler),
    (r"runs/([^/]+)/files/(.+)", FileHandler),
]
