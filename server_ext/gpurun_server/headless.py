"""`gpurun server`: a Jupyter server with this extension alone, without pages, as a service for others to use."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from gpurun_jupyter.core.errors import GpurunError, StorageUnusable
from gpurun_jupyter.core.home import default_home
from gpurun_server import hub_service

_REACHED = """\
gpurun is at {url}. Magics, `gpurun` and Client elsewhere use it with

    export GPURUN_URL={url}
    export GPURUN_TOKEN=$(gpurun server --print-token)   # on this machine; it stays the same
"""


def main(argv: list[str]) -> int:
    """Serve until somebody ends it, or print the token; returns the exit code."""
    try:
        if hub_service.is_service():
            return _serve(argv, "gpurun serves the users of JupyterHub at {url}.", hub_service.settings())
        token = kept_token(default_home() / "token")
    except GpurunError as error:
        print(f"gpurun: {error}", file=sys.stderr)
        return 1
    if argv == ["--print-token"]:
        print(os.environ.get("JUPYTER_TOKEN") or token.read_text())
        return 0
    os.environ.setdefault("JUPYTER_TOKEN_FILE", str(token))  # the default: what is configured is preferred
    return _serve(argv, _REACHED, {})


def _serve(argv: list[str], reached: str, settings: dict[str, Any]) -> int:
    from gpurun_server.app import GpurunApp  # late: --print-token does without Jupyter

    server = GpurunApp.initialize_server(argv=["--no-browser", *argv], **settings)
    print(reached.format(url=server.connection_url), flush=True)
    server.start()
    return 0


def kept_token(path: Path) -> Path:
    """The file with the server's token, made at the first start: a service has the same one after each.

    Raises StorageUnusable if it is empty: Jupyter would let everybody in.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f".token.{os.getpid()}")  # whole before it has its name: another start may be reading
        # with its mode from the beginning: nobody else can have opened it before
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(24))
        with contextlib.suppress(FileExistsError):  # another start was quicker
            path.hardlink_to(beside)  # which, unlike a rename, replaces nothing
        beside.unlink()
    if not path.read_text().strip():
        raise StorageUnusable(f"{path} is empty.", "Remove it; the next start makes a new token.")
    return path
