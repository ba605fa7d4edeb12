"""The proxy that the environment names for an address, by the variables that curl and urllib read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.remote import is_loopback

_HTTP, _SOCKS = ("http", "https"), ("socks5", "socks5h")


class Proxy(NamedTuple):
    """A proxy and the variable that names it."""

    url: str
    variable: str


def proxy_for(url: str) -> str | None:
    """The URL of the proxy for this address, as `proxy_of` finds it."""
    found = proxy_of(url)
    return found and found.url


def proxy_of(url: str) -> Proxy | None:
    """The proxy for this address: none for this machine itself, and for what `no_proxy` names.

    A SOCKS proxy looks names up itself, written `socks5h://` or `socks5://`. Raises InvalidRequest, which names the
    variable, where it holds what is no proxy or needs a package that is not there.
    """
    parts = urlsplit(url)
    host, proxies = parts.hostname or "", getproxies()
    if is_loopback(host) or _is_bypassed(host, parts.port, proxies.get("no", "")):
        return None
    kind = parts.scheme if proxies.get(parts.scheme) else "all"
    value = proxies.get(kind, "")
    variable = _variable(kind)
    return Proxy(_checked(value, variable, host), variable) if value else None


def _checked(value: str, variable: str, host: str) -> str:
    without = f"or add {host} to NO_PROXY."
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        there = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # half an IPv6 address, or a port that is no number
        there = False
    if not there or parts.scheme not in (*_HTTP, *_SOCKS):
        raise InvalidRequest(
            f"{variable} names no proxy that can be used.",
            f"Write http://HOST:PORT or socks5://HOST:PORT, {without}",
        )
    if parts.scheme in _SOCKS and find_spec("socksio") is None:
        raise InvalidRequest(
            f"{variable} names a SOCKS proxy ({_shown(parts)}), for which a package is missing.",
            f"Install socksio beside gpurun-jupyter, {without}",
        )
    # Older httpx knows `socks5` alone, and leaves names to the proxy by that word, too.
    return parts._replace(scheme="socks5" if parts.scheme in _SOCKS else parts.scheme).geturl()


def _shown(parts: SplitResult) -> str:
    """Without the name and password that it may hold."""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _variable(kind: str, env: Mapping[str, str] = os.environ) -> str:
    names = (f"{kind}_proxy", f"{kind}_proxy".upper())  # urllib prefers the first
    return next((name for name in names if env.get(name)), "The proxy in this system's settings")


def _is_bypassed(host: str, port: int | None, named: str) -> bool:
    return any(name == "*" or _names(name, host, port) for name in _split(named))


def _split(named: str) -> Iterator[str]:
    return (name.strip().lower() for name in named.split(",") if name.strip())


def _names(name: str, host: str, port: int | None) -> bool:
    """Whether an entry of no_proxy means this host: a name or its end, an address or a network, a port behind it."""
    try:
        return ip_address(host) in ip_network(name.strip("[]"), strict=False)
    except ValueError:
        pass  # one of them is a name, or there is a port
    try:
        entry = urlsplit(f"//{name}")
        if entry.port not in (None, port):
            return False
    except ValueError:  # half an IPv6 address, a port that is no number: it names nothing
        return False
    ending = (entry.hostname or "").lstrip("*").lstrip(".")
    return bool(ending) and (host == ending or host.endswith(f".{ending}"))
