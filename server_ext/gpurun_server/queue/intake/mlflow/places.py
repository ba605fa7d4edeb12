"""Which store of MLflow's a person means."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.system.tracking_server import Address, TrackingServer, shown
from gpurun_server.queue.intake.mlflow.file_store import FileStore
from gpurun_server.queue.intake.mlflow.found import Store
from gpurun_server.queue.intake.mlflow.server_store import ServerStore
from gpurun_server.queue.intake.mlflow.sqlite_store import SqliteStore

_SQLITE = "sqlite:///"


def opened(uri: str, authorization: str | None) -> Store:
    """The store at a URI or a path of this machine; `authorization` is for a server, where the URI has no password.

    Raises InvalidRequest for what is none, or cannot be read from here.
    """
    scheme = uri.partition(":")[0].lower()
    if scheme in ("http", "https"):
        address = Address.parse(uri, {})
        return ServerStore(TrackingServer(Address(address.url, address.authorization or authorization)))
    if uri.startswith(_SQLITE):
        return SqliteStore(Path(uri.removeprefix(_SQLITE).partition("?")[0]).expanduser())
    if scheme == "file":
        return _at(Path(unquote(urlsplit(uri).path)))
    if "://" in uri:
        raise InvalidRequest(
            f"gpurun does not read {shown(uri)}: of databases it reads SQLite alone.",
            "Start a tracking server, `mlflow server --backend-store-uri URI`, and import http://HOST:5000.",
        )
    return _at(Path(uri).expanduser())


def _at(path: Path) -> Store:
    if not path.exists():
        raise InvalidRequest(
            f"The server's machine has nothing at {path}.",
            "Name MLflow's database (mlflow.db), its folder mlruns, or http://HOST:PORT.",
        )
    return FileStore(path) if path.is_dir() else SqliteStore(path)
