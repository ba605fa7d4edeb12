"""The files of a run: list and download."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import WrongState
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_server.http.base import AttemptNumber, GpurunHandler, operation
from gpurun_server.store.folders.files import RunFile, files_of, place_of
from gpurun_server.store.queries import find

_PIECE_BYTES = 2**20


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
    @operation("Download one of them", query=FilesQuery, answer_type="application/octet-stream")
    async def get(self, reference: str, path: str) -> None:
        """Download. Whatever it is, no browser takes it for a page of this server."""
        _, folder = self.attempt_of(reference)
        place = place_of(folder, path)
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(place.name)}")
        size_bytes = place.stat().st_size
        self.set_header("Content-Length", str(size_bytes))
        await self._send(place, size_bytes)

    async def _send(self, place: Path, left: int) -> None:
        """As many bytes as were promised: the file may grow meanwhile."""
        loop = asyncio.get_running_loop()
        with place.open("rb") as file:
            while left and (data := await loop.run_in_executor(self.parts.threads, file.read, min(left, _PIECE_BYTES))):
                left -= len(data)
                self.write(data)
                await self.flush()


default_handlers = [
    (r"runs/([^/]+)/files", FilesHandler),
    (r"runs/([^/]+)/files/(.+)", FileHandler),
]
