"""Joining a server: a one-time token is changed for a key."""

from __future__ import annotations

import socket
from importlib import metadata
from typing import NamedTuple

import httpx
import msgspec

from gpurun_jupyter.agent.remote.connection import API, proxy_for, refusal, tls
from gpurun_jupyter.core.errors import ServerUnreachable
from gpurun_jupyter.core.remote import Join, Joined


class Asked(NamedTuple):
    """What a person typed."""

    url: str
    token: str
    name: str
    ca: str | None


def join(asked: Asked) -> Joined:
    """Become an agent of the server. Raises NotJoined, and ServerUnreachable."""
    body = Join(host=socket.gethostname(), version=metadata.version("gpurun-jupyter"), name=asked.name)
    try:
        with httpx.Client(
            verify=tls(asked.url, asked.ca), proxy=proxy_for(asked.url), trust_env=False, timeout=30.0
        ) as http:
            response = http.post(
                f"{asked.url}{API}agents/join",
                content=msgspec.json.encode(body),
                headers={"Authorization": f"Bearer {asked.token}"},
            )
        if not response.is_success:
            raise refusal(response)
        return msgspec.json.decode(response.content, type=Joined)
    except (httpx.TransportError, OSError, msgspec.DecodeError) as error:
        why = str(error) or type(error).__name__
        hint = "Is it the address that a browser uses? --ca FILE names certificates of your own, https_proxy a proxy."
        raise ServerUnreachable(f"No Jupyter server with gpurun answers at {asked.url} ({why}).", hint) from error
