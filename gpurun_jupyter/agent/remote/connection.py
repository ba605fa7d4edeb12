"""An agent's HTTP requests to its server: what fails on the way is an OSError, what the server refuses is its error."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
import msgspec

from gpurun_jupyter.agent.link import ServerFault
from gpurun_jupyter.agent.remote.membership import Membership
from gpurun_jupyter.core.errors import GpurunError, NotJoined, TooLarge, WrongOffset, from_code
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.remote import OFFSET_HEADER, PIECE_BYTES, TOKEN_HEADER
from gpurun_jupyter.core.system.proxies import proxy_for
from gpurun_jupyter.core.units import format_size

API = "gpurun/api/v1/"

#: A dead connection is noticed after about so long, whatever a request waits for.
_SILENT_S = 10
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
#: The server looks through all of a big file before it answers.
LONG = httpx.Timeout(30.0, read=600.0)
_FAILED_ITSELF = "internal_error"
#: A proxy on the way answered so: Jupyter takes more.
_TOO_LARGE = (
    "A proxy between this machine and the server refuses requests of this size (status 413).",
    f"Let it pass bodies of {format_size(2 * PIECE_BYTES)} (nginx: `client_max_body_size 16m`).",
)
_PAYS_FROM_BYTES = 512
_PAYS = 0.9
_TRIED_BYTES = 2**16

T = TypeVar("T")


class ServerConnection:
    """A few kept-alive connections to one server. Lives in an event loop."""

    def __init__(self, membership: Membership) -> None:
        transport = httpx.AsyncHTTPTransport(
            verify=tls(membership.url, membership.ca),
            proxy=proxy_for(membership.url),
            socket_options=_socket_options(),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=60.0),
        )
        self._http = httpx.AsyncClient(
            base_url=membership.url + API,
            headers={"Authorization": f"Bearer {membership.key}", "User-Agent": "gpurun"},
            timeout=_TIMEOUT,
            transport=transport,
        )
        for name in ("Accept", "Accept-Encoding", "Connection"):  # they go without saying, and lines are short
            del self._http.headers[name]

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def ask(self, method: str, path: str, kind: type[T], body: Any = None, **more: Any) -> T:
        """Send JSON and decode the answer. Raises OSError and GpurunError."""
        content = b"" if body is None else msgspec.json.encode(body)
        response = await self.send(method, path, content, **more)
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.DecodeError as error:
            raise ConnectionError(f"the answer to {path} makes no sense: {error}") from error

    async def send(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        *,
        grant: Grant | None = None,
        pack: bool = False,
        **more: Any,
    ) -> httpx.Response:
        """Send bytes, packed where that pays, for an attempt where one is given. Raises OSError and GpurunError."""
        headers = {**more.pop("headers", {}), **({TOKEN_HEADER: grant.token} if grant else {})}
        if pack and (packed := await _packed(content)) is not None:
            content, headers["Content-Encoding"] = packed, "gzip"
        try:
            response = await self._http.request(method, path, content=content, headers=headers, **more)
        except (httpx.TransportError, ssl.SSLError) as error:
            raise ConnectionError(f"{type(error).__name__} {error}".strip()) from error
        if not response.is_success:
            raise refusal(response)
        return response


def of_attempt(grant: Grant, rest: str) -> str:
    """The path of a route of an attempt."""
    return f"agents/attempts/{grant.run_id}/{grant.attempt}/{rest}"


def packed_where_it_pays(content: bytes) -> bytes | None:
    """The bytes packed; None where they would hardly become fewer, judged by their beginning."""
    if len(content) < _PAYS_FROM_BYTES:
        return None
    tried = content[:_TRIED_BYTES]
    if len(gzip.compress(tried, 1)) > _PAYS * len(tried):
        return None
    return gzip.compress(content, 1)


async def _packed(content: bytes) -> bytes | None:
    """The same without holding up the agent: a big piece takes a while."""
    if len(content) <= _TRIED_BYTES:
        return packed_where_it_pays(content)
    return await asyncio.to_thread(packed_where_it_pays, content)


def tls(url: str, ca: str | None) -> ssl.SSLContext | bool:
    """What certificates to trust: those of this machine or of SSL_CERT_FILE, and of `ca`. Raises OSError."""
    if not url.startswith("https:"):
        return False  # reading the certificates takes memory and time
    trusted = ssl.create_default_context()
    if ca is not None:
        trusted.load_verify_locations(ca)
    return trusted


def refusal(response: httpx.Response) -> Exception:
    """The server's own refusals; what a proxy, or a server in trouble, says instead is like a broken connection."""
    try:
        said = msgspec.json.decode(response.content, type=dict[str, dict[str, str]])["error"]
        error: GpurunError = from_code(said["code"], said["message"], said.get("hint", ""))
    except (msgspec.DecodeError, KeyError):
        if response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return TooLarge(*_TOO_LARGE)
        return ConnectionError(f"the server answered with status {response.status_code}")
    if said["code"] == _FAILED_ITSELF:
        return ServerFault(f"the server answered: {error}")
    if isinstance(error, WrongOffset):
        error.offset = int(response.headers.get(OFFSET_HEADER, 0))
    # 401 and 403 may be Jupyter's or a proxy's: only a word of gpurun's own ends anything
    ours = response.status_code < 500 and (response.status_code not in (401, 403) or isinstance(error, NotJoined))
    return error if ours else ConnectionError(f"the server answered: {error}")


def _socket_options() -> list[tuple[int, int, int]]:
    """Let the system find out that the other side is gone, on the systems that can."""
    wanted = {"TCP_KEEPIDLE": 4, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 1000 * _SILENT_S}
    found = [
        (socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in wanted.items() if hasattr(socket, name)
    ]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *found]
