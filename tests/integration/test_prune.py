"""Retention on a real server: what old runs left goes, what they measured stays; blobs in use stay."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from servers import TOKEN, JupyterServer

from gpurun_jupyter.client import Client, Run
from gpurun_jupyter.core.home import AttemptFolder, Home

CODE = """
from gpurun_jupyter import report
print('x' * 100_000)
for i in range(5):
    report.log(acc=i / 4, step=i)
open('big.bin', 'wb').write(bytes(50_000))
y = 1
"""


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Client:
    return Client(server.url, TOKEN)


def blob_age(server: JupyterServer, digest: str, days: float) -> Path:
    path = Home(server.home).blob(digest)
    at = time.time() - days * 86400
    os.utime(path, (at, at))
    return path


def finished(client: Client, **options: object) -> Run:
    return client.submit(CODE, gpu=0, outputs=["y"], project="prune", **options).wait()


def attempt(server: JupyterServer, run: Run) -> AttemptFolder:
    return Home(server.home).attempt(run.id, 1)


def test_old_runs_lose_what_they_left_and_keep_what_they_measured(server: JupyterServer, client: Client) -> None:
    old, tagged = finished(client), finished(client, tags=["keep"])
    elsewhere = client.submit(CODE, gpu=0, project="other").wait()
    assert client.prune("1d", project="prune")["runs"] == {}
    before = old.metrics()
    planned = client.prune(0.01, project="prune", keep_tagged=True, dry_run=True)
    assert list(planned["runs"]) == [old.id]
    assert planned["runs_bytes"] > 150_000
    assert len(old.logs()) > 100_000
    assert client.prune(0.01, project="prune", keep_tagged=True)["runs"] == planned["runs"]
    assert client.prune(0.01, project="prune", keep_tagged=True)["runs"] == {}
    assert old.refresh().metrics() == before
    assert old.logs() == ""
    assert not attempt(server, old).work.exists()
    assert len(tagged.logs()) > 100_000
    assert len(elsewhere.logs()) > 100_000
    assert old.rerun().wait().failure() is None


def test_blobs_that_nothing_refers_to_are_collected(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('code in use')\n")
    (tmp_path / "data.csv").write_text("data in use\n")
    run = client.submit_dir(tmp_path, "train.py", gpu=0).wait()
    data = client.upload_data(tmp_path / "data.csv", "prune")
    kept = {path.name for path in (server.home / "blobs").glob("??/*")}
    digests = [_send(server, f"nobody needs {number}".encode()) for number in range(3)]
    for digest in [*kept, *digests[:2]]:
        blob_age(server, digest, 3)
    asked_for = server.http.post("blobs/missing", json={"blobs": {digests[1]: None}})
    assert asked_for.json() == {"missing": []}
    planned = client.prune("365d", dry_run=True)
    freed = client.prune("365d")
    assert (freed["runs"], freed["blobs"], freed["blobs_bytes"]) == ({}, planned["blobs"], planned["blobs_bytes"])
    there = {path.name for path in (server.home / "blobs").glob("??/*")}
    assert digests[0] not in there
    assert set(digests[1:]) <= there
    assert data.manifest in there
    assert run.rerun().wait().failure() is None


def _send(server: JupyterServer, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    assert server.http.put(f"blobs/{digest}", content=data).status_code == 201
    return digest
