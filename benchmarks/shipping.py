"""Shipping a directory of 5,000 files (250 MB) to a real server: for the first time, again, with one file changed.

"To accepted" is the time that `submit_dir` takes. Runs are held, so that nothing but acceptance is at work. Beside it,
in the same run: the directory as a zip in one request, and rsync to a folder of the same disk where it is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
from figures import Figure, median, shown, spread, times_ms
from servers import TOKEN, JupyterServer

from gpurun_jupyter.agent.runner.copies import lay_out, manifest_of
from gpurun_jupyter.client import Client
from gpurun_jupyter.client.discovery import Address
from gpurun_jupyter.client.http import Connection
from gpurun_jupyter.core.home import Home

FILES, FILE_BYTES, FOLDERS = 5000, 50_000, 50
ROUNDS = 15
SETTLED_S = 3.0  # what was written just now is read again: see shipping/hashes.py
MEGABYTE = 10**6


class Counting(httpx.HTTPTransport):
    """Counts the bytes of the bodies that are sent."""

    sent_bytes = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.stream = _Counted(request.stream, self)
        return super().handle_request(request)


class _Counted(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, counting: Counting) -> None:
        self._stream, self._counting = stream, counting

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._counting.sent_bytes += len(piece)
            yield piece


def make(root: Path) -> None:
    for number in range(FILES):
        path = root / f"folder{number % FOLDERS}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(FILE_BYTES))
    (root / "train.py").write_text("pass\n")
    (root / ".gitignore").write_text("*.log\n*.pyc\n/build/\n__pycache__/\n/out/**/x\n")


def zipped_and_uploaded(root: Path, server: JupyterServer) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for file in root.rglob("*"):
                archive.write(file, file.relative_to(root))
        with path.open("rb") as body:
            form = {"entry": "train.py", "hold": "true"}
            server.http.post("runs/zip", files={"file": body}, data=form, timeout=300).raise_for_status()


def rsynced(root: Path, to: Path) -> None:
    subprocess.run(["rsync", "-a", f"{root}/", f"{to}/"], check=True)


def figures() -> list[Figure]:
    """How long a directory takes to be accepted, and what travels."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        server, root = JupyterServer(Path(folder)), Path(folder) / "project"
        make(root)
        time.sleep(SETTLED_S)
        server.start()
        try:
            return _measured(server, root, Path(folder))
        finally:
            server.close()


def _measured(server: JupyterServer, root: Path, folder: Path) -> list[Figure]:
    transport = Counting()
    client = Client(connection=Connection(Address(server.url, TOKEN), transport))

    def submit() -> None:
        client.submit_dir(root, "train.py", hold=True)

    first_s = times_ms(submit, 1, warm_up=0)[0] / 1000
    first_mb = transport.sent_bytes / MEGABYTE
    transport.sent_bytes = 0
    again = times_ms(submit, ROUNDS, warm_up=1)
    again_bytes = transport.sent_bytes // (ROUNDS + 1)
    (root / "folder1" / "1.bin").write_bytes(os.urandom(FILE_BYTES))
    transport.sent_bytes = 0
    changed = times_ms(submit, 1, warm_up=0)[0]
    changed_kb = transport.sent_bytes / 1000
    peer_s = median(times_ms(lambda: zipped_and_uploaded(root, server), 3, warm_up=0)) / 1000
    beside = f"{spread(again, 'ms')}; as a zip {shown(peer_s, 's')}, {_rsync(root, folder / 'copy')}"
    asked = "the file, which of 5,000 are there, a new manifest"
    return [
        Figure("5,000 files (250 MB) again, to accepted", median(again), "ms", 300, 200, beside),
        Figure("bytes sent for that", again_bytes, "B", 10_000, 1_000),
        Figure("one file of 50 KB changed, to accepted", changed, "ms"),
        Figure("bytes sent for that", changed_kb, "KB", beside=asked),
        Figure("the first time, to accepted", first_s, "s", beside=f"{shown(first_mb, 'MB')} sent"),
        _laid_out(server, client, root, folder),
    ]


def _rsync(root: Path, to: Path) -> str:
    if shutil.which("rsync") is None:
        return "rsync is not installed"
    return f"rsync {shown(median(times_ms(lambda: rsynced(root, to), 5, warm_up=1)), 'ms')}"


def _laid_out(server: JupyterServer, client: Client, root: Path, folder: Path) -> Figure:
    run = client.submit_dir(root, "train.py", hold=True).refresh()
    assert run.record.spec is not None
    assert run.record.spec.dir is not None
    home, digest = Home(server.home), run.record.spec.dir.manifest
    targets = iter(range(100))
    ours = times_ms(lambda: lay_out(home, manifest_of(home, digest), folder / f"w{next(targets)}"), 3, warm_up=1)
    peer = times_ms(lambda: shutil.copytree(root, folder / f"w{next(targets)}"), 3, warm_up=1)
    beside = f"shutil.copytree of the directory {shown(median(peer) / 1000, 's')}"
    return Figure("its workspace laid out", median(ours) / 1000, "s", beside=beside)
