"""One kept-alive HTTP connection to a Jupyter server, and every failure of it as a sentence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import msgspec

from gpurun_jupyter.client.discovery import Address
from gpurun_jupyter.core.errors import GpurunError, InvalidRequest, NotAllowed, ServerUnreachable, TooLarge, from_code
from gpurun_jupyter.core.system.proxies import proxy_for, proxy_of
from gpurun_jupyter.core.system.tokens import sendable

API = "gpurun/api/v1/"
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
#: The server looks through a whole upload before it answers.
UPLOAD_TIMEOUT = httpx.Timeout(60.0, connect=5.0, read=600.0)
#: The live connection sends a beat every 15 s: silence of this length means that it is dead.
STREAM_TIMEOUT = httpx.Timeout(45.0, connect=5.0)
_AS_STREAM = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}  # no piece waits
_TRIES = 4
_FIRST_PAUSE_S = 0.25

T = TypeVar("T")
Params = list[tuple[str, str | int | float | bool | None]]


class Connection:
    """Requests to one server. Every method raises GpurunError subclasses and nothing of httpx."""

    def __init__(self, address: Address, transport: httpx.BaseTransport | None = None) -> None:
        self.address = address
        token = sendable(address.token, "Set GPURUN_TOKEN to the token of the Jupyter server.")
        self._http = httpx.Client(
            base_url=address.url,
            headers={"Authorization": f"token {token}"} if token else {},
            timeout=TIMEOUT,
            transport=transport or _transport(address.url),
        )
        proxy = None if transport else proxy_of(address.url)
        self._where = f"{address.url} through the proxy that {proxy.variable} names" if proxy else address.url

    def get(self, path: str, type: type[T], params: Params | None = None) -> T:  # noqa: A002 - as in msgspec
        """GET a route of gpurun and decode the answer."""
        return self._decode(self._send("GET", _below(path), params=params), type)

    def text(self, path: str, params: Params | None = None) -> str:
        """GET a route of gpurun that answers with plain text."""
        return self._send("GET", _below(path), params=params).text

    def get_of_jupyter(self, path: str) -> Any:
        """GET a JSON route of the Jupyter server itself, or None where it has no such thing."""
        with _translated(self._where):
            response = self._http.get(path)
        if response.status_code >= 500:  # that says nothing of what it has
            raise refusal(response, self.address.url)
        return response.json() if response.is_success else None

    def post(self, path: str, type: type[T], body: Any = None, timeout: httpx.Timeout = TIMEOUT) -> T:  # noqa: A002
        """POST JSON once; not repeated when the connection breaks."""
        content = msgspec.json.encode(body)
        return self._decode(self._send("POST", _below(path), content=content, timeout=timeout), type)

    def delete(self, path: str, type: type[T]) -> T:  # noqa: A002
        """DELETE once."""
        return self._decode(self._send("DELETE", _below(path)), type)

    def patch(self, path: str, type: type[T], body: Any) -> T:  # noqa: A002
        """PATCH with JSON once."""
        return self._decode(self._send("PATCH", _below(path), content=msgspec.json.encode(body)), type)

    def post_once_only(self, path: str, type: type[T], key: str, content: Callable[[], dict[str, Any]]) -> T:  # noqa: A002
        """POST with an Idempotency-Key, again while the connection breaks; `content` makes the body."""

        def send() -> httpx.Response:
            return self._send("POST", _below(path), headers={"Idempotency-Key": key}, **content())

        return self._decode(_again_while_broken(send), type)

    def upload(self, method: str, path: str, content: Callable[[], bytes | Iterator[bytes]]) -> None:
        """Send bytes that may be sent twice, again while the connection breaks; `content` gives them."""

        def send() -> httpx.Response:
            return self._send(method, _below(path), content=content(), timeout=UPLOAD_TIMEOUT)

        _again_while_broken(send)

    def follow_once_only(self, path: str, key: str, content: bytes) -> httpx.Response:
        """The same for an answer that comes bit by bit, as `stream` does; the caller closes it."""
        headers = {"Idempotency-Key": key, **_AS_STREAM}

        def send() -> httpx.Response:
            with _translated(self._where):
                request = self._http.build_request(
                    "POST", _below(path), content=content, headers=headers, timeout=STREAM_TIMEOUT
                )
                response = self._http.send(request, stream=True)
            if not response.is_success:
                response.read()  # nothing of it has been read so far, and it says why
                raise refusal(response, self.address.url)
            return response

        return _again_while_broken(send)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Errors while a streamed answer is read are ours too."""
        with _translated(self._where):
            yield

    @contextmanager
    def stream(self, path: str, params: Params, accept: str) -> Iterator[httpx.Response]:
        """GET a route of gpurun that answers bit by bit; silence of 45 s counts as a broken connection."""
        with (
            _translated(self._where),
            self._http.stream(
                "GET",
                _below(path),
                params=params,
                headers={**_AS_STREAM, "Accept": accept},
                timeout=STREAM_TIMEOUT,
            ) as response,
        ):
            if not response.is_success:
                response.read()  # nothing of it has been read so far, and it says why
                raise refusal(response, self.address.url)
            yield response

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._http.close()

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        with _translated(self._where):
            response = self._http.request(method, path, **arguments)
        if not response.is_success:
            raise refusal(response, self.address.url)
        return response

    def _decode(self, response: httpx.Response, type: type[T]) -> T:  # noqa: A002
        try:
            return msgspec.json.decode(response.content, type=type)
        except msgspec.DecodeError as error:
            raise ServerUnreachable(
                f"The server at {self.address.url} speaks another version of gpurun ({error}).",
                "Install the same version of gpurun-jupyter here and in the server's environment.",
            ) from error


def _below(path: str) -> str:
    """The path of a route. Raises InvalidRequest for names of which, on the way, other addresses would be made."""
    if not {".", ".."}.isdisjoint(path.split("/")):
        raise InvalidRequest("Nothing is called '.' or '..'.", "Name a run, session, model or file.")
    return API + path


def _again_while_broken(send: Callable[[], httpx.Response]) -> httpx.Response:
    for number in range(_TRIES):
        try:
            return send()
        except Broken:
            if number == _TRIES - 1:
                raise
            time.sleep(_FIRST_PAUSE_S * 2**number)
    raise AssertionError("unreachable")


class Broken(ServerUnreachable):
    """Raised when a connection broke in the middle: whether the server heard the request is not known."""

    code = "connection_broken"


def refusal(response: httpx.Response, url: str) -> GpurunError:
    """The error that an answer which is no success stands for."""
    if response.status_code in (401, 403):
        return _refusal_of_jupyter(response.status_code, url)
    try:
        said = msgspec.json.decode(response.content, type=dict[str, dict[str, str]])["error"]
        return from_code(said.get("code", ""), said["message"], said.get("hint", ""))
    except (msgspec.DecodeError, KeyError):
        return _refusal_of_jupyter(response.status_code, url)


def _refusal_of_jupyter(status: int, url: str) -> GpurunError:
    """An answer that is not gpurun's: of Jupyter itself, of JupyterHub, or of a proxy on the way."""
    if status in (301, 302, 303, 307, 308, 401, 403):  # redirects lead to a page to sign in
        return NotAllowed(
            f"The Jupyter server at {url} refuses this client's token.",
            "Set GPURUN_TOKEN to a token that it accepts.",
        )
    if status == 404:
        return ServerUnreachable(
            f"The Jupyter server at {url} runs without gpurun.",
            "Install gpurun-jupyter in its environment and restart it, or name another by GPURUN_URL.",
        )
    if status == 413:
        return TooLarge("The server takes no upload of this size.", "Leave data out with .gpurunignore.")
    if status >= 500:
        # Tried again: a proxy answers so while the server is started anew.
        return Broken(f"The server at {url} failed with status {status}.", "Its log says why.")
    return GpurunError(f"The server at {url} answered with status {status}.", "Its log says why.")


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """Turn httpx's exceptions into ours."""
    hint = "Start it with `jupyter lab`, or name another one by GPURUN_URL and GPURUN_TOKEN."
    try:
        yield
    # Nobody has heard the request: not Broken, so that it is said at once instead of being tried again.
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
        raise ServerUnreachable(f"No Jupyter server answers at {where} ({error}).", hint) from error
    except httpx.TransportError as error:
        why = str(error) or type(error).__name__
        raise Broken(f"The connection to the Jupyter server at {where} broke ({why}).", hint) from error


def _transport(url: str) -> httpx.BaseTransport:
    """By the proxy that the environment names; httpx's own reading of it fails on what others take."""
    # Reading the certificates takes 30 ms, and plain http has no use for them.
    return httpx.HTTPTransport(verify=url.startswith("https:"), proxy=proxy_for(url))
