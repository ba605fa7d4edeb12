"""Files by content: which of them the server lacks, and sending them."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.runs import ValueDigest
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.settings import MAX_UPLOAD_BYTES
from gpurun_server.store.blobs import Upload


class BlobsAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Digests, each with the size in bytes that it must have, or null."""

    blobs: dict[ValueDigest, Annotated[int, msgspec.Meta(ge=0)] | None]


class BlobsMissing(msgspec.Struct):
    """Those of the digests that the server lacks."""

    missing: list[str]


class BlobsKept(msgspec.Struct):
    """How many blobs were taken in."""

    kept: int


class MissingHandler(GpurunHandler):
    """`blobs/missing`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Which of these blobs the server lacks", body=BlobsAsked, answer=BlobsMissing)
    async def post(self) -> None:
        """Ask."""
        self.answer(BlobsMissing(self.parts.blobs.missing(self.body(BlobsAsked).blobs)))


@web.stream_request_body
class BlobHandler(GpurunHandler):
    """`blobs/{digest}`."""

    _upload: Upload | None = None

    async def prepare(self) -> None:
        """Refuse strangers before their bytes are taken, then get ready for the bytes."""
        await super().prepare()
        if self._finished or self.request.method != "PUT":
            return
        if self.current_user is None:
            raise web.HTTPError(403)
        self.request.connection.set_max_body_size(MAX_UPLOAD_BYTES)
        self._upload = self.parts.blobs.upload()

    def data_received(self, chunk: bytes) -> None:
        """Take a piece."""
        if self._upload is not None:
            self._upload.write(chunk)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say that the connection ends with a refusal that came before the body was read."""
        if self._upload is None:
            self.set_header("Connection", "close")
        super().write_error(status_code, **kwargs)

    def on_finish(self) -> None:
        """Leave nothing behind that was not kept."""
        if self._upload is not None:
            self._upload.discard()

    def on_connection_close(self) -> None:
        """The client went away in the middle."""
        super().on_connection_close()
        self.on_finish()

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation(
        "Send one blob; its bytes must have this sha256",
        body=bytes,
        body_type="application/octet-stream",
        answer=BlobsKept,
        status=201,
    )
    async def put(self, digest: str) -> None:
        """Send."""
        assert self._upload is not None  # prepare has made it
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise InvalidRequest(f"{digest!r} is not a sha256.", "It has 64 digits, 0 to 9 and a to f.")
        await asyncio.get_running_loop().run_in_executor(self.parts.threads, self._upload.keep, digest)
        self.answer(BlobsKept(1), 201)


default_handlers = [(r"blobs/missing", MissingHandler), (r"blobs/(?P<digest>[^/]+)", BlobHandler)]
