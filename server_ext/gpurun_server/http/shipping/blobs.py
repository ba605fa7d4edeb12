"""Files by content: which of them the server lacks, and sending them."""

from __future__ import annotations

import asyncio
import re

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.manifests import Digest
from gpurun_server.http.base import AUTH_RESOURCE, Count, GpurunHandler, operation
from gpurun_server.http.shipping.receiving import ReceivingHandler
from gpurun_server.settings import MAX_BLOB_BYTES, MAX_UPLOAD_BYTES
from gpurun_server.store.content.blobs import Upload
from gpurun_server.store.content.intake import take_blobs


class BlobsAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Digests, each with the size in bytes that it must have, or null."""

    blobs: dict[Digest, Count | None]


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
        asked, blobs = self.body(BlobsAsked).blobs, self.parts.blobs
        loop = asyncio.get_running_loop()
        self.answer(BlobsMissing(await loop.run_in_executor(self.parts.threads, blobs.missing, asked)))


class UploadReceiver:
    """A body that is one file."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload

    def feed(self, data: bytes) -> None:
        """The next piece."""
        self.upload.write(data)

    def close(self) -> None:
        """Throw away what was not kept."""
        self.upload.discard()


class _UploadHandler(ReceivingHandler):
    def make_receiver(self) -> UploadReceiver:
        return UploadReceiver(self.parts.blobs.upload())

    @property
    def upload(self) -> Upload:
        receiver = self.received
        assert isinstance(receiver, UploadReceiver)
        return receiver.upload


@web.stream_request_body
class BlobHandler(_UploadHandler):
    """`blobs/{digest}`."""

    method = "PUT"
    max_body_bytes = MAX_BLOB_BYTES

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
        upload = self.upload
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise InvalidRequest(f"{digest!r} is not a sha256.", "It has 64 digits, 0 to 9 and a to f.")
        await asyncio.get_running_loop().run_in_executor(self.parts.threads, upload.keep, digest)
        self.answer(BlobsKept(1), 201)


@web.stream_request_body
class BlobsZipHandler(_UploadHandler):
    """`blobs/zip`."""

    max_body_bytes = MAX_UPLOAD_BYTES

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation(
        "Send several blobs as a zip, each member named by its sha256",
        body=bytes,
        body_type="application/zip",
        answer=BlobsKept,
        status=201,
    )
    async def post(self) -> None:
        """Send."""
        upload, blobs = self.upload, self.parts.blobs
        upload.finish(durable=False)  # thrown away as soon as its members are kept
        kept = await asyncio.get_running_loop().run_in_executor(self.parts.threads, take_blobs, blobs, upload.path)
        self.answer(BlobsKept(kept), 201)


default_handlers = [
    (r"blobs/missing", MissingHandler),
    (r"blobs/zip", BlobsZipHandler),
    (r"blobs/([^/]+)", BlobHandler),
]
