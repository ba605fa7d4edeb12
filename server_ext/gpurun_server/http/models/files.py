"""The files of a model: download one, or all as a zip. Their bytes are looked through before the first is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import quote

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import BlobDamaged, FileMissing
from gpurun_jupyter.core.models import ModelVersion
from gpurun_server.http.base import operation
from gpurun_server.http.models.models import RegistryHandler
from gpurun_server.store.models.files import checked, said, verify, zipped


class Verified(msgspec.Struct):
    """How many files were looked through, and their bytes."""

    files: int
    size_bytes: int


class _BytesHandler(RegistryHandler):
    async def send(self, pieces: Iterator[bytes], name: str, kind: str = "application/octet-stream") -> None:
        """Answer with bytes to be saved; no browser takes them for a page of this server."""
        self.set_header("Content-Type", kind)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name)}")
        # with a default: a StopIteration cannot be the result of a future
        while (piece := await self.in_thread(lambda: next(pieces, None))) is not None:
            self.write(piece)
            await self.flush()

    def log_exception(self, kind: type, error: BaseException | None, traceback: object) -> None:
        """Damaged bytes are news for the server's log too."""
        if isinstance(error, BlobDamaged):
            self.log.error("%s: %s", self.request.path, error)
        super().log_exception(kind, error, traceback)


class ModelFileHandler(_BytesHandler):
    """`models/{name}/{version}/files/{path}`."""

    @web.authenticated
    @authorized
    @operation("Download one file of a version", answer_type="application/octet-stream")
    async def get(self, name: str, version: str, path: str) -> None:
        """Download."""
        found = await self.version(name, version)
        file = next((file for file in found.files or [] if file.path == path), None)
        if file is None:
            raise FileMissing(
                f"Version {found.version} of {name} has no file {path!r}.",
                f"`gpurun models show {name} {found.version}` lists those it has.",
            )
        await self.in_thread(lambda: self.parts.blobs.verified(file.digest, said(path)))
        self.set_header("Content-Length", str(file.size_bytes))
        self.set_header("ETag", f'"{file.digest}"')
        await self.send(checked(self.parts.blobs, file.digest), PurePosixPath(path).name)


class ModelZipHandler(_BytesHandler):
    """`models/{name}/{version}/zip`."""

    @web.authenticated
    @authorized
    @operation("Download all files of a version as a zip", answer_type="application/zip")
    async def get(self, name: str, version: str) -> None:
        """Download."""
        found = await self.version(name, version)
        manifest = await self.in_thread(lambda: verify(self.parts.blobs, found.manifest))
        await self.send(zipped(self.parts.blobs, manifest), f"{name}-v{found.version}.zip", "application/zip")


class VerifyHandler(_BytesHandler):
    """`models/{name}/{version}/verify`."""

    @web.authenticated
    @authorized
    @operation("Look through the stored bytes of a version", answer=Verified)
    async def get(self, name: str, version: str) -> None:
        """Verify."""
        found: ModelVersion = await self.version(name, version)
        manifest = await self.in_thread(lambda: verify(self.parts.blobs, found.manifest))
        self.answer(Verified(len(manifest.files), manifest.size_bytes))


_VERSION = r"models/(?P<name>[^/]+)/(?P<version>[^/]+)"
default_handlers = [
    (rf"{_VERSION}/files/(?P<path>.+)", ModelFileHandler),
    (rf"{_VERSION}/zip", ModelZipHandler),
    (rf"{_VERSION}/verify", VerifyHandler),
]
