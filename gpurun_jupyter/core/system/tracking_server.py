"""A tracking server of MLflow's, by its REST interface (mlflow.org/docs/latest/rest-api.html), and who asks it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import httpx
import msgspec

from gpurun_jupyter.core.errors import InvalidRequest, TrackingFailed, TrackingUnreachable
from gpurun_jupyter.core.system.proxies import proxy_for
from gpurun_jupyter.core.system.tokens import sendable

API = "api/2.0/mlflow/"
#: Where a server hands out and takes artifacts itself.
PROXIED, PROXY = "mlflow-artifacts", "api/2.0/mlflow-artifacts/artifacts"
_TIMEOUT = httpx.Timeout(120.0, connect=10.0)
_LOGIN = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, where you type this."
_SHOWN_CHARS = 300
_ONE_THING = "PERMISSION_DENIED"  # what 403 means where others are allowed


class Address(NamedTuple):
    """Where a tracking server is, and what it is told of who asks: the value of the header `Authorization`."""

    url: str
    authorization: str | None = None

    @classmethod
    def parse(cls, uri: str, environment: Mapping[str, str] = os.environ) -> Address:
        """What a person writes, http://USER:PASSWORD@HOST:PORT/; without a password as the environment says.

        The variables are those of MLflow's own client. The URL is without the password, and without the page that a
        browser showed. Raises InvalidRequest.
        """
        try:
            parts = urlsplit(uri)
            is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:  # half an IPv6 address, or a port that is no number
            is_one = False
        if not is_one:
            raise InvalidRequest(f"{shown(uri)!r} is no address of a tracking server.", "Write http://HOST:PORT.")
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl().rstrip("/")
        user, password = parts.username, parts.password
        if user is not None and password is not None:
            return cls(url, _basic(unquote(user), unquote(password)))
        return cls(url, _from(environment))


def shown(uri: str) -> str:
    """A URI without the user and password that it may hold, whatever else is wrong with it."""
    before, slashes, rest = uri.partition("://")
    return f"{before}{slashes}{rest.rpartition('@')[2]}"


def _from(environment: Mapping[str, str]) -> str | None:
    """As MLflow has it: a user with a password goes before a token."""
    user, password, token = (environment.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD", "TOKEN"))
    if user and password:
        return _basic(user, password)
    return f"Bearer {sendable(token, 'Mend MLFLOW_TRACKING_TOKEN.')}" if token else None


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class TrackingServer:
    """Requests to a tracking server. Every method raises TrackingFailed, and nothing of httpx."""

    def __init__(self, address: Address, transport: httpx.BaseTransport | None = None) -> None:
        self.url = address.url
        self._http = httpx.Client(
            base_url=f"{address.url}/",
            headers={"Authorization": address.authorization} if address.authorization else {},
            timeout=_TIMEOUT,
            transport=transport or httpx.HTTPTransport(verify=self.url.startswith("https:"), proxy=proxy_for(self.url)),
        )

    def get(self, route: str, **asked: Any) -> dict[str, Any]:
        """GET a route of the interface, such as `runs/get`."""
        return self._object(self._answer("GET", API + route, params=asked))

    def post(self, route: str, **asked: Any) -> dict[str, Any]:
        """POST to a route of the interface."""
        headers, body = {"Content-Type": "application/json"}, msgspec.json.encode(asked)
        return self._object(self._answer("POST", API + route, content=body, headers=headers))

    def pages(self, method: str, route: str, key: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """What stands under a key of the answer, page by page."""
        ask, token = self.get if method == "GET" else self.post, None
        while True:
            answer = ask(route, **asked, **({"page_token": token} if token else {}))
            yield from answer.get(key, [])
            token = answer.get("next_page_token")
            if not token:
                return

    def listed(self, path: str) -> list[dict[str, Any]]:
        """What lies in a folder of the artifacts that the server hands out itself."""
        files: list[dict[str, Any]] = self._object(self._answer("GET", PROXY, params={"path": path})).get("files", [])
        return files

    def pieces(self, route: str, **asked: str) -> Iterator[bytes]:
        """The bytes that a route, written as below the server's URL, answers with, some at a time."""
        with self._translated(), self._http.stream("GET", quote(route), params=asked) as response:
            if not response.is_success:
                response.read()  # nothing of it has been read so far, and it says why
            self._check(response)
            yield from response.iter_bytes()

    def put(self, path: str, content: BinaryIO) -> None:
        """Give the server an artifact to keep."""
        self._answer("PUT", f"{PROXY}/{quote(path)}", content=content)

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._http.close()

    def _answer(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        with self._translated():
            response = self._http.request(method, path, **arguments)
        self._check(response)
        return response

    def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        said, answer = _said(response)
        is_refused = response.status_code == 401 or (response.status_code == 403 and answer != _ONE_THING)
        if is_refused or response.is_redirect:  # that leads to a page to sign in
            raise TrackingUnreachable(f"The tracking server at {self.url} does not let you in{said}.", _LOGIN)
        if response.status_code == 404 and not answer:
            raise self._no_server()
        raise TrackingFailed(f"The tracking server at {self.url} says {response.status_code}{said}.", answer=answer)

    def _object(self, response: httpx.Response) -> dict[str, Any]:
        try:
            return msgspec.json.decode(response.content or b"{}", type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._no_server() from error

    def _no_server(self) -> TrackingUnreachable:
        said = f"What answers at {self.url} is no tracking server of MLflow's."
        return TrackingUnreachable(said, "Name the address that MLFLOW_TRACKING_URI has for it.")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn httpx's exceptions into ours."""
        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            hint = "Look whether it runs, and do this again: what has been done is not done twice."
            raise TrackingUnreachable(f"No tracking server answers at {self.url} ({why}).", hint) from error


def _said(response: httpx.Response) -> tuple[str, str]:
    """What the answer says, as the end of a sentence, and MLflow's word for it."""
    try:
        found = msgspec.json.decode(response.content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        is_text = response.headers.get("content-type", "").startswith("text/plain")
        return _ending(response.text if is_text else ""), ""
    return _ending(str(found.get("message", ""))), str(found.get("error_code", ""))


def _ending(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return f": {text[:_SHOWN_CHARS]}" if text else ""
