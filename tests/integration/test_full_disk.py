"""A state directory on a disk that is full, or read-only: sentences, no cut connections, and a way out."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from servers import JupyterServer, wait_until

SLEEP = "import time\nfor n in range(600):\n    print(n, flush=True)\n    time.sleep(0.1)"
BIG = "open('big', 'wb').write(bytes(6 << 20))"


def mount(*arguments: str | Path) -> None:
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterServer]:
    """One whose state directory is a disk of 30 MB."""
    home = tmp_path / "server" / "home"
    home.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", "size=30m", "tmpfs", home)
    made = JupyterServer(tmp_path / "server").start()
    yield made
    made.close()
    while home.is_mount():
        subprocess.run(["umount", "-l", home], check=True)


def fill(server: JupyterServer) -> Path:
    """Leave no room on the disk."""
    filler = server.home / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=4096"], stderr=subprocess.DEVNULL, check=False)
    return filler


def submissions(server: JupyterServer) -> list[httpx.Response]:
    """Everything that wants room, each in an answer."""
    data = b"x" * (3 << 20)
    return [
        server.http.post("runs", json={"code": "1"}),
        server.http.put(f"blobs/{hashlib.sha256(data).hexdigest()}", content=data),
        server.http.post("runs/zip", files={"file": ("x.py", data)}, data={"entry": "x.py"}),
        server.http.post("blobs/zip", content=data),
    ]


def test_a_full_disk_is_said_and_deleting_makes_room(server: JupyterServer) -> None:
    old, other = server.submit(BIG), server.submit(BIG)
    for run_id in (old, other):
        assert server.wait(run_id)["outcome"] == "succeeded"
    going = server.submit(SLEEP)
    server.wait(going, "running")
    filler = fill(server)
    for answer in submissions(server):
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full")
    assert server.http.post(f"runs/{going}/cancel").status_code == 200
    deleted = server.http.delete(f"runs/{old}")
    assert (deleted.status_code, deleted.json()) == (200, {"deleted": old, "restorable_s": 0.0})
    assert shutil.disk_usage(server.home).free > 5 << 20
    assert server.wait(going)["outcome"] == "cancelled"  # who cancelled was told so
    assert server.log(going).startswith("0\n1\n")
    fill(server)
    wait_until(lambda: time.time() > server.run(other)["finished_at"] + 2)
    pruned = server.http.post("prune", json={"older_than": "1s"})
    assert pruned.status_code == 200, pruned.text
    assert other in pruned.json()["runs"]
    assert server.wait(server.submit("print('again')"))["outcome"] == "succeeded"
    assert (server.home / "reserve").stat().st_size == 256 * 1024
    filler.unlink()
    assert server.http.delete(f"runs/{other}").json()["restorable_s"] == 600.0


def test_a_run_goes_on_when_the_disk_was_full_for_a_while(server: JupyterServer) -> None:
    run_id = server.submit("import time\nfor n in range(80):\n    print(n, flush=True)\n    time.sleep(0.1)")
    wait_until(lambda: "5\n" in server.log(run_id))
    filler = fill(server)
    runner_log = server.home / "runs" / run_id / "attempts" / "1" / "events.jsonl"
    full_since, size = time.monotonic(), runner_log.stat().st_size
    wait_until(lambda: time.monotonic() > full_since + 3)  # the run prints meanwhile, and nobody can be told
    assert runner_log.stat().st_size < size + 4096
    filler.unlink()
    assert server.wait(run_id)["outcome"] == "succeeded"
    assert server.log(run_id) == "".join(f"{n}\n" for n in range(80))


def test_a_read_only_disk_is_said_and_a_cancel_counts(server: JupyterServer) -> None:
    going = server.submit(SLEEP)
    server.wait(going, "running")
    mount("--bind", server.home, server.home)  # what is open stays writable, as on a disk that was remounted by force
    mount("-o", "remount,ro,bind", server.home)
    agent = server.agent()
    for answer in submissions(server):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_unusable")
    assert server.http.post(f"runs/{going}/cancel").status_code == 200
    assert server.wait(going)["outcome"] == "cancelled"
    assert server.agent() == agent
    subprocess.run(["umount", "-l", server.home], check=True)
    assert server.wait(server.submit("1"))["outcome"] == "succeeded"
    assert server.agent() == agent
