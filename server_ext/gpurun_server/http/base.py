"""What every handler shares: the parts of the server, decoding, and the one place where errors become statuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
import sqlalchemy as sa
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.web import HTTPError

from gpurun_jupyter.core import limits
from gpurun_jupyter.core.errors import GpurunError, InvalidRequest, StorageFull, StorageUnusable, TooLarge
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.names import told
from gpurun_jupyter.core.units import format_size
from gpurun_server.notices.notices import Notices
from gpurun_server.queue.agents.remote_agents import RemoteAgents
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.tracking.taking_in import TakingIn
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import OUTAGE, Database, Writing
from gpurun_server.store.disk import refusal_in, refusal_of
from gpurun_server.store.room import with_reserve
from gpurun_server.stream.hub import Hub

AUTH_RESOURCE = "gpurun"

#: What is raised where the state directory or the database cannot be used.
UNUSABLE = (StorageUnusable, StorageFull, OSError, sa.exc.SQLAlchemyError)

T = TypeVar("T")

#: A number that databases and files can count to.
Count = Annotated[int, msgspec.Meta(ge=0, le=limits.LARGEST)]
#: The number of an attempt, as the routes have it.
AttemptNumber = Annotated[int, msgspec.Meta(ge=1, le=999_999_999)]
#: A time in seconds, or a time since the epoch; some thirty thousand years.
Seconds = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]


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
    logs: TakingIn
    threads: Executor
    owner: Callable[[Any], str]
    ensure_agent: Callable[[], None]
    mlflow: str = ""  # the tracking server of runs that name none


def parts_in(settings: Mapping[str, Any]) -> Parts:
    """The parts of a server. Raises what stands in their place where its database cannot be used."""
    found: Parts | GpurunError = settings["gpurun"]
    # looked at before each answer: SQLite goes on in a file that has no name any more
    lost = found if isinstance(found, GpurunError) else found.database.lost()
    if lost is not None:
        raise lost
    assert isinstance(found, Parts)
    return found


def unusable(error: BaseException) -> GpurunError:
    """What keeps the server from having its parts, as a sentence; for the errors in UNUSABLE."""
    told = told_as(error)
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
    also: tuple[int, ...] = ()  # other statuses that are no refusals of ours


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

    def get_login_url(self) -> str:
        """A person who opens an address in a browser may sign in there; a program is told that it needs a token."""
        if self.request.headers.get("Sec-Fetch-Mode") == "navigate":
            return JupyterHandler.get_login_url(self)
        return super().get_login_url()

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

    async def write_database(self, change: Callable[[Writing], T], *, on_full_disk: bool = False) -> T:
        """Make a change in a transaction, in a thread: a writer may have to wait for another.

        `on_full_disk`: with the reserve, if there is no other room.
        """

        def written() -> T:
            with self.parts.database.write() as writing:
                return change(writing)

        def transaction() -> T:
            return with_reserve(self.parts.home, written) if on_full_disk else written()

        return await asyncio.get_running_loop().run_in_executor(self.parts.threads, transaction)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do something that takes long, or reads files, beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.parts.threads, work)

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """A part of the path, or an argument of the query. Raises InvalidRequest for what no database takes."""
        text = super().decode_argument(value, name)
        if "\0" in text and name != "path":  # of files, which no database is asked for
            raise InvalidRequest(f"{name or 'The path'} holds a NUL character.", "Remove it.")
        return text

    def query(self, kind: type[T]) -> T:
        """The query's arguments, checked. Raises InvalidRequest."""
        repeated = _repeated(kind)  # type: ignore[arg-type]
        values = {
            name: self.get_query_arguments(name) if name in repeated else self.get_query_argument(name)
            for name in self.request.query_arguments
            if name != "token"  # Jupyter's, which has looked at it
        }
        unknown = set(values) - set(kind.__struct_encode_fields__)  # type: ignore[attr-defined]
        if unknown:
            raise InvalidRequest(f"There is no parameter {min(unknown)!r}.", "GET openapi.json lists those there are.")
        return checked(lambda: msgspec.convert(values, kind, strict=False))

    def body(self, kind: type[T]) -> T:
        """The body, checked. Raises InvalidRequest, and TooLarge for more than JSON should say."""
        if len(self.request.body) > limits.BODY_BYTES:
            raise TooLarge(f"The body is bigger than {format_size(limits.BODY_BYTES)}.", "Ship what is big as files.")
        # where everything has a default, no body has to be sent
        return checked(lambda: msgspec.json.decode(self.request.body or b"{}", type=kind))

    def answer(self, value: Any, status: int = 200) -> None:
        """Finish with a value as JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(value))

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        """As tornado's: Jupyter would call JSON whatever was not begun to be sent by now, also an empty text."""
        if (kind := self._headers.get("Content-Type", "")) and not kind.startswith("text/html"):
            kwargs.setdefault("set_content_type", kind)
        return super().finish(*args, **kwargs)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """As tornado's, but an error of ours brings its own status."""
        error = told_as(kwargs.get("exc_info", (None, None, None))[1])
        super().send_error(error.status if isinstance(error, GpurunError) else status_code, **kwargs)

    def log_exception(self, kind: Any, error: Any, traceback: Any) -> None:
        """As tornado's, but a refusal of ours is no news for the server's log, and an outage is one line."""
        if isinstance(error, (*OUTAGE, OSError)) and isinstance(told_as(error), GpurunError):
            self.log.warning("%s: %s", self.request.path, told_as(error))
        elif not isinstance(error, GpurunError):
            super().log_exception(kind, error, traceback)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The error as JSON."""
        error = told_as(kwargs.get("exc_info", (None, None, None))[1])
        self.set_header("Content-Type", "application/json")
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # with which RFC 9110 demands the header
            self.set_header("Allow", ", ".join(self._allowed()))
        self.finish(msgspec.json.encode({"error": _described(error, status_code)}))

    def _allowed(self) -> list[str]:
        # every handler has all methods: those of Tornado itself refuse
        return [name for name in self.SUPPORTED_METHODS if hasattr(getattr(self, name.lower()), "operation")]


@cache
def _repeated(kind: Any) -> frozenset[str]:
    """The parameters that may be there several times."""
    fields = msgspec.structs.fields(kind)
    return frozenset(field.encode_name for field in fields if field.default_factory is list)


def checked(convert: Callable[[], T]) -> T:
    """The converted value; what does not fit its type is an InvalidRequest that says where."""
    try:
        return convert()
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{told(error)}.", "GET openapi.json describes what is expected.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{error}.", "GET openapi.json describes what is expected.") from error
    except RecursionError as error:
        raise InvalidRequest("It is nested too deep.", f"Values may have {limits.DEPTH} levels.") from error


def told_as(error: BaseException | None) -> BaseException | None:
    """The error as it is told: a full disk, and a database that cannot be reached, are no faults of this server."""
    if isinstance(error, OSError):
        return refusal_of(error) or error
    if not isinstance(error, OUTAGE):
        return error
    cause = str(error.orig).strip().partition("\n")[0]
    return refusal_in(cause) or StorageUnusable(
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
