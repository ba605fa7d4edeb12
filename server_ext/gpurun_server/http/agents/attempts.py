"""An attempt on another machine: its agent fetches what it needs, and sends its log and what it left."""

from __future__ import annotations

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.manifests import Digest
from gpurun_jupyter.core.remote import (
    PIECE_BYTES,
    SMALL_BYTES,
    Described,
    EarlierCheckpoints,
    Have,
    Lacking,
    LeftFiles,
    Size,
    Wanted,
    is_loopback,
)
from gpurun_server.http.agents.handler import ATTEMPT, BYTES, AttemptHandler, allow_unauthenticated
from gpurun_server.http.base import Count, checked, operation
from gpurun_server.queue.agents.readable_blobs import Needs
from gpurun_server.queue.intake.saved_models import model_at, register_saved
from gpurun_server.store.comparing.environments import keep
from gpurun_server.store.folders import secret_files
from gpurun_server.store.folders.checkpoints import checkpoint_of, earlier_checkpoints
from gpurun_server.store.folders.uploads import Arrivals

_UNIX_SOCKET = (None, "", "0.0.0.0")  # noqa: S104 - what Tornado calls who comes through one


class OffsetQuery(msgspec.Struct):
    """Where the bytes belong."""

    offset: Count


class Length(msgspec.Struct):
    """How many bytes of it there are now."""

    bytes: int


class _AttemptHandler(AttemptHandler):
    @property
    def arrivals(self) -> Arrivals:
        return Arrivals(self.folder)

    @property
    def needs(self) -> Needs:
        with self.parts.database.read() as conn:
            return Needs.of(conn, self.parts.home, self.run_id)


class LogHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/log`."""

    @allow_unauthenticated
    @operation(
        "For agents: append to the log; `offset` is how long it is already",
        query=OffsetQuery,
        body=bytes,
        body_type=BYTES,
        answer=Length,
    )
    async def post(self, **_: str) -> None:
        """Append."""
        data, offset = self.bytes_received(), self.query(OffsetQuery).offset
        # in the event loop: it sets a timer there for taking in what has come
        self.answer(Length(self.parts.remote.append(self.run_id, self.number, offset, data)))


class SecretsHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/secrets`."""

    @allow_unauthenticated
    @operation("For agents: the values of the run's secrets, over an encrypted link only", answer=dict)
    async def get(self, **_: str) -> None:
        """Fetch."""
        request = self.request
        # the last stretch, from a proxy to here, may be plain http while the agent speaks https
        scheme = request.headers.get("X-Forwarded-Proto", request.protocol).partition(",")[0].strip()
        if scheme != "https" and request.remote_ip not in _UNIX_SOCKET and not is_loopback(request.remote_ip or ""):
            raise InvalidRequest("Secrets are not sent over plain http.", "Join the server by its https address.")
        self.answer(secret_files.read(self.parts.home, self.run_id))


class BlobsHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/blobs`."""

    @allow_unauthenticated
    @operation("For agents: small files in one answer, after a line with their sizes", body=Wanted, answer_type=BYTES)
    async def post(self, **_: str) -> None:
        """Fetch several."""
        digests, needs = self.body(Wanted).digests, self.needs
        paths = [needs.path(digest) for digest in digests]
        contents = await self.in_thread(lambda: [path.read_bytes() for path in paths])
        self.set_header("Content-Type", BYTES)
        self.finish(b"\n".join([msgspec.json.encode([len(content) for content in contents]), b"".join(contents)]))


class BlobHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/blobs/{digest}`."""

    @allow_unauthenticated
    @operation("For agents: a piece of one file, from where Range says", answer_type=BYTES, status=206)
    async def get(self, digest: str, **_: str) -> None:
        """Fetch one."""
        await self.send_piece(self.needs.path(digest))


class CheckpointsHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/checkpoints`."""

    @allow_unauthenticated
    @operation("For agents: what checkpoints the attempts before left", answer=EarlierCheckpoints)
    async def get(self, **_: str) -> None:
        """List."""
        self.answer(await self.in_thread(lambda: earlier_checkpoints(self.folder)))


class CheckpointHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/checkpoints/{earlier}/{path}`."""

    @allow_unauthenticated
    @operation("For agents: a piece of one of these, from where Range says", answer_type=BYTES, status=206)
    async def get(self, earlier: str, path: str, **_: str) -> None:
        """Fetch one."""
        await self.send_piece(checkpoint_of(self.folder, int(earlier), path))


class MissingHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/files/missing`."""

    @allow_unauthenticated
    @operation("For agents: how many bytes of each of these files are here", body=LeftFiles, answer=Have)
    async def post(self, **_: str) -> None:
        """Ask."""
        files, arrivals = self._files(), self.arrivals
        self.answer(Have(await self.in_thread(lambda: arrivals.have(files))))

    def _files(self) -> LeftFiles:
        return checked(lambda: msgspec.json.decode(self.bytes_received(), type=LeftFiles))


class PlaceHandler(MissingHandler):
    """`agents/attempts/{id}/{number}/files/place`."""

    @allow_unauthenticated
    @operation("For agents: give files that were sent their places", body=LeftFiles, answer=Have)
    async def post(self, **_: str) -> None:
        """Place."""
        files, arrivals = self._files(), self.arrivals
        refused = await self.in_thread(lambda: arrivals.place(files))
        self.answer(Have({file.digest: file.size for file in files.files if file.path not in refused}, refused))


class SmallFilesHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/files/small`."""

    @allow_unauthenticated
    @operation(
        "For agents: send small files whole, after a line with the sha256 and the size of each",
        body=bytes,
        body_type=BYTES,
        answer=Have,
    )
    async def post(self, **_: str) -> None:
        """Send several."""
        # a batch, a file of it that has grown since it was measured, and the line before them
        line, _newline, data = self.bytes_received(PIECE_BYTES + SMALL_BYTES + 2**20).partition(b"\n")
        sizes = checked(lambda: msgspec.json.decode(line, type=dict[Digest, Size]))
        if sum(sizes.values()) != len(data):
            raise InvalidRequest("The sizes do not add up to what was sent.")
        arrivals = self.arrivals
        await self.in_thread(lambda: _take(arrivals, sizes, data))
        self.answer(Have(dict(sizes)))


class FileHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/files/{digest}`."""

    @allow_unauthenticated
    @operation(
        "For agents: send a piece of a file, from where the server has it",
        query=OffsetQuery,
        body=bytes,
        body_type=BYTES,
        answer=Length,
    )
    async def put(self, digest: str, **_: str) -> None:
        """Send a piece."""
        data, offset, arrivals = self.bytes_received(), self.query(OffsetQuery).offset, self.arrivals
        self.answer(Length(await self.in_thread(lambda: arrivals.append(digest, offset, data))))


def _take(arrivals: Arrivals, sizes: dict[str, int], data: bytes) -> None:
    offset = 0
    for digest, size in sizes.items():
        arrivals.replace(digest, data[offset : offset + size])
        offset += size


class EnvironmentHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/environment`."""

    @allow_unauthenticated
    @operation("For agents: say in which environment it runs", body=Described, answer=Lacking)
    async def put(self, **_: str) -> None:
        """Write it down."""
        described = checked(lambda: msgspec.json.decode(self.bytes_received(), type=Described))
        self.answer(Lacking(not keep(self.parts.home, self.folder, described)))


class ModelHandler(_AttemptHandler):
    """`agents/attempts/{id}/{number}/models`."""

    @allow_unauthenticated
    @operation(
        "For agents: all files of the model that the log names there are here",
        query=OffsetQuery,
        answer=Length,
    )
    async def post(self, **_: str) -> None:
        """Register it."""
        offset = self.query(OffsetQuery).offset
        saved = await self.in_thread(lambda: model_at(self.folder.events, offset, self.parts.blobs))
        await self.write_database(lambda writing: register_saved(writing, self.run_id, self.number, *saved))
        self.answer(Length(saved.model.size))


default_handlers = [
    (rf"{ATTEMPT}/log", LogHandler),
    (rf"{ATTEMPT}/secrets", SecretsHandler),
    (rf"{ATTEMPT}/blobs", BlobsHandler),
    (rf"{ATTEMPT}/blobs/(?P<digest>[0-9a-f]{{64}})", BlobHandler),
    (rf"{ATTEMPT}/checkpoints", CheckpointsHandler),
    (rf"{ATTEMPT}/checkpoints/(?P<earlier>[1-9]\d{{0,8}})/(?P<path>.+)", CheckpointHandler),
    (rf"{ATTEMPT}/files/missing", MissingHandler),
    (rf"{ATTEMPT}/files/place", PlaceHandler),
    (rf"{ATTEMPT}/files/small", SmallFilesHandler),
    (rf"{ATTEMPT}/files/(?P<digest>[0-9a-f]{{64}})", FileHandler),
    (rf"{ATTEMPT}/models", ModelHandler),
    (rf"{ATTEMPT}/environment", EnvironmentHandler),
]
