"""Which Jupyter server to talk to: the one that was named, JupyterHub's, else a running one of this user."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit, urlunsplit

from gpurun_jupyter.core.errors import InvalidRequest

_EVERY_INTERFACE = {"", "0.0.0.0", "::"}  # noqa: S104 - addresses that servers listen on, and nobody can connect to
_PAGES = ("/lab", "/tree")


class Address(NamedTuple):
    """Where a Jupyter server is: its base URL with a slash at the end, and the token that it wants."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"Address({self.url!r})"  # tokens never reach a log


def named(url: str | None, token: str | None, env: Mapping[str, str] = os.environ) -> Address | None:
    """The server named by arguments, GPURUN_URL or JupyterHub's environment; None if nothing names one."""
    token = token or env.get("GPURUN_TOKEN")
    if url := url or env.get("GPURUN_URL"):
        found = _from_address_bar(url)
        return Address(found.url, token or found.token or env.get("JUPYTERHUB_API_TOKEN", ""))
    hub_token, hub_url = env.get("JUPYTERHUB_API_TOKEN"), env.get("JUPYTERHUB_SERVICE_URL")
    if hub_token and hub_url and env.get("JUPYTERHUB_SERVICE_PREFIX"):
        return Address(_reachable(hub_url), token or hub_token)
    return None


def running(token: str | None, env: Mapping[str, str] = os.environ) -> Iterator[Address]:
    """This user's live Jupyter servers, the one that started this kernel first, then the newest."""
    from jupyter_core.paths import jupyter_runtime_dir

    token = token or env.get("GPURUN_TOKEN")
    for record in _records(Path(jupyter_runtime_dir()), env.get("JPY_PARENT_PID")):
        yield Address(_reachable(str(record["url"])), token or str(record.get("token") or ""))


def of_this_kernel(env: Mapping[str, str] = os.environ) -> Address | None:
    """The server that started this kernel, if it is on this machine."""
    from jupyter_core.paths import jupyter_runtime_dir

    parent = env.get("JPY_PARENT_PID")
    for record in _records(Path(jupyter_runtime_dir()), parent):
        if str(record.get("pid")) == parent:
            return Address(_reachable(str(record["url"])), str(record.get("token") or ""))
    return None


def _from_address_bar(url: str) -> Address:
    """Take what `jupyter lab` prints or a browser shows: a page's path and `?token=` are cut off."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest(f"{url!r} is not the address of a Jupyter server.", "Write http://host:port/.")
    path = parts.path.rstrip("/")
    page = next((page for page in _PAGES if path.endswith(page)), "")
    base = urlunsplit(parts._replace(path=path.removesuffix(page), query="", fragment=""))
    return Address(_reachable(base), parse_qs(parts.query).get("token", [""])[0])


def _reachable(url: str) -> str:
    parts = urlsplit(url if url.endswith("/") else url + "/")
    if (parts.hostname or "") in _EVERY_INTERFACE:
        parts = parts._replace(netloc=f"127.0.0.1:{parts.port}" if parts.port else "127.0.0.1")
    return urlunsplit(parts)


def _records(folder: Path, parent: str | None) -> list[dict[str, object]]:
    """What the servers wrote down about themselves, without those that are gone."""
    import psutil  # only where no server is named

    found = []
    for path in folder.glob("jpserver-*.json"):
        try:
            record, written = json.loads(path.read_text()), path.stat().st_mtime
        except (OSError, ValueError):
            continue  # just being written or taken away
        # A server on a Unix socket has no address that HTTP could reach.
        if isinstance(record, dict) and record.get("url") and not record.get("sock"):
            found.append((str(record.get("pid")) == parent, written, record))
    found.sort(key=lambda entry: entry[:2], reverse=True)  # records have no order of their own
    # A server that was killed leaves its file.
    return [record for _, _, record in found if psutil.pid_exists(int(record.get("pid") or -1))]
