"""What every handler shares: the parts of the server, decoding, and the one place where errors become statuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeVar

import msgspec
import sqlalchemy as sa
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError

from gpurun_jupyter.core.errors import GpurunError, InvalidRequest, StorageFull, StorageUnusable
from gpurun_jupyter.core.home import Home
from gpurun_server.notices.notices import Notices
from gpurun_server.queue.ledger import Ledger
from gpurun_server.queue.remote import RemoteAgents
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import OUTAGE, Database, Writing
from gpurun_server.stream.hub import Hub

AUTH_RESOURCE = "gpurun"

#: What is raised where the state directory or the database cannot be used.
UNUSABLE = (StorageUnusable, StorageFull, OSError, sa.exc.SQLAlchemyError)

#: What SQLite and PostgreSQL say of a full disk.
_FULL = ("disk is full", "No space left on device")

T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """What the extension is made of; handlers find it in the settings under `gpurun`."""

    home: Home
    database: Database
    ledger: Ledger  # for reading, in the event loop
    blobs: Blobs
    hub: Hub
    remote: RemoteAgents
    notices: Notices
    threads: Executor
    owner: Callable[[Any], str]
    ensure_agent: Callable[[], None]


def parts_in(settings: Mapping[str, Any]) -> Parts:
    """The parts of a server. Raises what stands in their place where its database cannot be used."""
    found: Parts | GpurunError = settings["gpurun"]
    lost = found if isinstance(found, GpurunError) else found.database.lost()
    if lost is not None:
        raise lost
    assert isinstance(found, Parts)
    return found


def unusable(error: BaseException) -> GpurunError:
    """What keeps the server from having its parts, as a sentence; for the errors in UNUSABLE."""
    told = _ours(error)
    if isinstance(told, GpurunError):
        return told
    return StorageUnusable(f"The state directory or its database cannot be used: {told}.", "The server's log has more.")


@dataclass(frozen=True)
class Operation:
    """What openapi.json says of one method of a route."""

    summary: str
    query: type[msgspec.Struct] | None = None
    body: type | None = None
    body_type: str = "application/json"
    answer: type | None = None
    answer_type: str = "application/json"
    status: int = 200


F = TypeVar("F", bound=Callable[..., Any])


def operation(summary: str, **details: Any) -> Callable[[F], F]:
    """Describe a handler's method for openapi.json."""

    def mark(method: F) -> F:
        method.operation = Operation(summary, **details)  # type: ignore[attr-defined]
        return method

    return mark


class GpurunHandler(APIHandler):
    """A handler whose errors are JSON sentences."""

    auth_resource: ClassVar[str] = AUTH_RESOURCE

    @property
    def parts(self) -> Parts:
        """The parts of the server. Raises what keeps it from having them."""
        return parts_in(self.settings)

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Whether the page that asks is one of ours; Jupyter would answer a foreign one with 404."""
        if not super().check_origin(origin_to_satisfy_tornado):
            raise HTTPError(403, "The page is of another origin.")
        return True

    @property
    def owner(self) -> str:
        """Who asks: whose runs, sessions and data sets are seen, and whose become what the request makes."""
        return self.parts.owner(self)

    async def read_database(self, ask: Callable[[sa.Connection], T]) -> T:
        """Ask what may take the database a while, in a thread; the ledger is not to be used there."""

        def transaction() -> T:
            with self.parts.database.read() as conn:
                return ask(conn)

        return await asyncio.get_running_loop().run_in_executor(self.parts.threads, transaction)

    async def write_database(self, change: Callable[[Writing], T]) -> T:
        """Make a change in a transaction, in a thread: a writer may have to wait for another."""

        def transaction() -> T:
            with self.parts.database.write() as writing:
                return change(writing)

        return await asyncio.get_running_loop().run_in_executor(self.parts.threads, transaction)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do something that takes long, or reads files, beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.parts.threads, work)

    def query(self, kind: type[T]) -> T:
        """The query's arguments, checked. Raises InvalidRequest."""
        repeated = _repeated(kind)  # type: ignore[arg-type]
        values = {
            name: self.get_query_arguments(name) if name in repeated else self.get_query_argument(name)
            for name in self.request.query_arguments
            if name != "token"
        }
        unknown = set(values) - set(kind.__struct_encode_fields__)  # type: ignore[attr-defined]
        if unknown:
            raise InvalidRequest(f"There is no parameter {min(unknown)!r}.", "GET openapi.json lists those there are.")
        return checked(lambda: msgspec.convert(values, kind, strict=False))

    def body(self, kind: type[T]) -> T:
        """The body, checked. Raises InvalidRequest."""
        return checked(lambda: msgspec.json.decode(self.request.body or b"{}", type=kind))

    def answer(self, value: Any, status: int = 200) -> None:
        """Finish with a value as JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(value))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """As tornado's, but an error of ours brings its own status."""
        error = _ours(kwargs.get("exc_info", (None, None, None))[1])
        super().send_error(error.status if isinstance(error, GpurunError) else status_code, **kwargs)

    def log_exception(self, kind: Any, error: Any, traceback: Any) -> None:
        """As tornado's, but a refusal of ours is no news for the server's log, and an outage is one line."""
        if isinstance(error, OUTAGE):
            self.log.warning("%s: %s", self.request.path, _ours(error))
        elif not isinstance(error, GpurunError):
            super().log_exception(kind, error, traceback)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The error as JSON."""
        error = _ours(kwargs.get("exc_info", (None, None, None))[1])
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode({"error": _described(error, status_code)}))


@cache
def _repeated(kind: Any) -> frozenset[str]:
    """The parameters that may be there several times."""
    fields = msgspec.structs.fields(kind)
    return frozenset(field.encode_name for field in fields if field.default_factory is list)


def checked(convert: Callable[[], T]) -> T:
    """The converted value; what does not fit its type is an InvalidRequest that says where."""
    try:
        return convert()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{error}.", "GET openapi.json describes what is expected.") from error


def _ours(error: BaseException | None) -> BaseException | None:
    """The error as it is told: a database that cannot be reached is not a fault of this server."""
    if not isinstance(error, OUTAGE):
        return error
    cause = str(error.orig).strip().partition("\n")[0]
    if any(words in cause for words in _FULL):
        return StorageFull(
            "The disk of the database is full.", "Make room on it, then do it again; nothing was changed."
        )
    return StorageUnusable(
        f"The database does not answer: {cause}.", "Runs that have begun go on; ask again when it is back."
    )


def _described(error: BaseException | None, status: int) -> dict[str, str]:
    if isinstance(error, GpurunError):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, HTTPError) and status in (401, 403):
        hint = "Send `Authorization: token TOKEN`; from a page, the X-XSRFToken header with the cookie."
        return {"code": "not_allowed", "message": error.log_message or "This needs a token.", "hint": hint}
    if isinstance(error, HTTPError):
        return {
            "code": "http_error",
            "message": error.log_message or error.reason or f"HTTP {status}",
            "hint": "",
        }
    return {
        "code": "internal_error",
        "message": f"{type(error).__name__}: {error}",
        "hint": "The server's log has more.",
    }
