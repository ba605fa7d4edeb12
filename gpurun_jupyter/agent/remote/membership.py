"""The servers that this machine has joined: a state directory for each, with what lets the agent in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.home import Home, write_json
from gpurun_jupyter.core.remote import is_loopback

_RECORD = "server.json"


class Membership(msgspec.Struct, kw_only=True):
    """What an agent knows of a server that it has joined, and what it offers there."""

    url: str
    key: str
    agent_id: str
    labels: list[str] = []
    ca: str | None = None  # a file with certificates to trust
    cpu_slots: int | None = None
    spares: int = 1
    session_idle_s: float = 1800.0
    heartbeat_s: float = 2.0  # between two reports
    sync_s: float = 0.02  # between two requests with what a run has printed since


def folder_of(home: Home, url: str) -> Path:
    """The state directory of the agent that works for the server at this address."""
    parts = urlsplit(url)
    # without the login that an address may hold
    name = re.sub(r"[^\w.-]+", "-", f"{parts.netloc.rpartition('@')[2]}{parts.path}").strip("-")
    return home.path / "agents" / name


def address(url: str) -> str:
    """A server's address, with a slash at its end. Raises InvalidRequest."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest(f"{url!r} is not the address of a Jupyter server.", "Write https://host:port/.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/"


def write(folder: Path, membership: Membership) -> None:
    """Keep it, readable by this user alone."""
    Home(folder).create()
    write_json(folder / _RECORD, membership)


def read(folder: Path) -> Membership:
    """What was kept. Raises InvalidRequest where the machine has not joined."""
    try:
        return msgspec.json.decode((folder / _RECORD).read_bytes(), type=Membership)
    except FileNotFoundError as error:
        raise InvalidRequest(
            "This machine has not joined that server.",
            "`gpurun agent invite` on the server's side gives a line for it.",
        ) from error


def private(url: str) -> bool:
    """Whether secrets may be sent along the link to this server: nobody on the way can read them."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def labels_in(folder: Path) -> list[str]:
    """The labels that somebody gave this machine; they may be changed while the agent is at work."""
    try:
        return read(folder).labels
    except InvalidRequest:
        return []


def all_folders(home: Home) -> Iterator[Path]:
    """The state directories of all servers that this machine has joined."""
    for record in sorted(home.path.glob(f"agents/*/{_RECORD}")):
        yield record.parent
