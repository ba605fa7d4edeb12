"""Joining a server: a one-time token is changed for a key. What is wrong is said within seconds, with what to do."""

from __future__ import annotations

import socket
from importlib import metadata
from typing import NamedTuple

import httpx
import msgspec

from gpurun_jupyter.agent.remote.connection import API, refusal, tls
from gpurun_jupyter.core.errors import ServerUnreachable
from gpurun_jupyter.core.remote import Join, Joined
from gpurun_jupyter.core.system.proxies import proxy_for
from gpurun_jupyter.core.system.tokens import sendable

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)

_NO_GPURUN = (
    "A server answers at {url}, but not as a Jupyter server with gpurun does ({why}).",
    "Is it the whole address that a browser shows, with its path, and is gpurun-jupyter installed there?",
)
_UNTRUSTED = (
    "The certificate of {url} is not trusted ({why}).",
    "--ca FILE names certificates of an authority of your own, SSL_CERT_FILE all that are trusted.",
)
_NO_TLS = ("{url} does not speak HTTPS ({why}).", "Is it http:// there?")
_SILENT = (
    "Nobody answers at {url} ({why}).",
    "Is it the address that a browser uses, and may this machine reach it? https_proxy names a proxy.",
)
#: What OpenSSL says, and what that means.
_SAID = {
    "CERTIFICATE_VERIFY_FAILED": _UNTRUSTED,
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "HANDSHAKE_OPERATION_TIMED_OUT": _NO_TLS,
}


class Asked(NamedTuple):
    """What a person typed."""

    url: str
    token: str
    name: str
    ca: str | None


def join(asked: Asked) -> Joined:
    """Become an agent of the server. Raises NotJoined, ServerUnreachable, and InvalidRequest for token and proxy."""
    body = Join(host=socket.gethostname(), version=metadata.version("gpurun-jupyter"), name=asked.name)
    try:
        response = _post(asked, msgspec.json.encode(body))
    except (httpx.TransportError, OSError) as error:
        raise _unreachable(asked.url, str(error) or type(error).__name__) from error
    if not response.is_success:
        refused = refusal(response)
        raise _of(_NO_GPURUN, asked.url, str(refused)) if isinstance(refused, OSError) else refused
    try:
        return msgspec.json.decode(response.content, type=Joined)
    except msgspec.DecodeError as error:
        raise _of(_NO_GPURUN, asked.url, str(error)) from error


def _post(asked: Asked, body: bytes) -> httpx.Response:
    verify, proxy = tls(asked.url, asked.ca), proxy_for(asked.url)
    # proxy_for has read the environment, by rules of its own
    with httpx.Client(verify=verify, proxy=proxy, trust_env=False, timeout=_TIMEOUT) as http:
        token = sendable(asked.token, "Copy it from what `gpurun agent invite` prints.")
        headers = {"Authorization": f"Bearer {token}"}
        return http.post(f"{asked.url}{API}agents/join", content=body, headers=headers)


def _unreachable(url: str, why: str) -> ServerUnreachable:
    upper = why.upper().replace(" ", "_")
    return _of(next((said for mark, said in _SAID.items() if mark in upper), _SILENT), url, why)


def _of(said: tuple[str, str], url: str, why: str) -> ServerUnreachable:
    return ServerUnreachable(said[0].format(url=url, why=why), said[1])
