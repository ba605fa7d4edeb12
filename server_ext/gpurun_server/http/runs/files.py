"""The files of a run: list and download."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import WrongState
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_server.http.base import AttemptNumber, GpurunHandler, operation
from gpurun_server.http.ranges import send_file
from gpurun_server.store.folders.files import RunFile, files_of, place_of
from gpurun_server.store.queries import find


class FilesQuery(msgspec.Struct):
    """Which attempt; the last one where it is not said."""

    attempt: AttemptNumber | None = None


class Files(msgspec.Struct):
    """The files of one attempt."""

    attempt: int
    files: list[RunFile]


class _FilesHandler(GpurunHandler):
    def attempt_of(self, reference: str) -> tuple[int, AttemptFolder]:
        """The attempt that is asked for. Raises WrongState where there was none yet."""
        with self.parts.database.read() as conn:
            run = find(conn, reference, self.owner)
        number = self.query(FilesQuery).attempt or run.attempt
        folder = self.parts.home.attempt(run.id, number)
        if not folder.path.is_dir():
            raise WrongState(f"Run {run.name} ({run.id}) has no attempt {number or 1} yet.", "It left no files.")
        return number, folder


class FilesHandler(_FilesHandler):
    """`runs/{id}/files`."""

    @web.authenticated
    @authorized
    @operation("What the run left in its workspace, and its checkpoints", query=FilesQuery, answer=Files)
    async def get(self, reference: str) -> None:
        """List."""
        number, folder = self.attempt_of(reference)
        found = await asyncio.get_running_loop().run_in_executor(self.parts.threads, files_of, folder)
        self.answer(Files(number, found))


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
        _, folder = self.attempt_of(reference)
        place = place_of(folder, path)
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(place.name)}")
        await send_file(self, place)


default_handlers = [
    (r"runs/([^/]+)/files", FilesHandler),
    (r"runs/([^/]+)/files/(.+)", FileHandler),
]
