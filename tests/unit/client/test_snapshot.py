"""Directories that change while they are shipped: each file is sent with the bytes that were hashed, or left out."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from unit.client_fake import FakeServer

from gpurun_jupyter.client import content_upload
from gpurun_jupyter.client.http import Connection

BIG = 17 * 2**20  # bytes: such a file travels alone


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("train.py", "log.txt", "data/a.csv", "data/b.csv"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(name)
    return tmp_path / "root"


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something done each time between looking at the files and sending them."""

    def do(what: Callable[[], object]) -> None:
        def missing(connection: Connection, parcel: content_upload.Parcel) -> list[str]:
            what()
            return found(connection, parcel)

        monkeypatch.setattr(content_upload, "missing", missing)

    found = content_upload.missing
    return do


def shipped(server: FakeServer) -> dict[str, bytes]:
    """What the last run gets: the content of its files by their paths."""
    spec = json.loads(server.seen[-1].content)
    files = json.loads(server.blobs[spec["dir"]["manifest"]])["files"]
    assert all(hashlib.sha256(content).hexdigest() == digest for digest, content in server.blobs.items())
    assert all(len(server.blobs[digest]) == size for _, digest, size, *_ in files)
    return {name: server.blobs[digest] for name, digest, *_ in files}


@pytest.mark.parametrize("size_bytes", [1, BIG])
def test_a_file_that_changes_each_time_is_sent_as_it_was_at_some_moment(
    root: Path, meanwhile: Callable[[Callable[[], object]], None], size_bytes: int
) -> None:
    texts: Iterator[bytes] = (bytes([48 + number]) * size_bytes for number in range(10))
    written: list[bytes] = []

    def write() -> None:
        written.append(next(texts))
        (root / "log.txt").write_bytes(written[-1])

    write()
    meanwhile(write)
    server, told = FakeServer(), list[str]()
    server.client.submit("1", dir=root, tell=told.append)
    found = shipped(server)
    assert found["log.txt"] in written
    assert found["train.py"] == b"train.py"
    assert [line for line in told if "log.txt" in line] == [
        "log.txt changes while it is being shipped: what is sent is how it is now"
    ]


def test_files_that_go_away_are_left_out_and_named(
    root: Path, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    def remove_one() -> None:
        if (root / "log.txt").exists():
            (root / "log.txt").unlink()
        elif (root / "data").exists():
            shutil.rmtree(root / "data")

    meanwhile(remove_one)
    server, told = FakeServer(), list[str]()
    server.client.submit_dir(root, "train.py", tell=told.append)
    assert shipped(server) == {"train.py": b"train.py"}
    assert {line for line in told if line.startswith("left out")} == {
        f"left out {name}: it went away while it was being shipped" for name in ("log.txt", "data/a.csv", "data/b.csv")
    }


def test_a_big_file_that_goes_away_is_left_out(root: Path, meanwhile: Callable[[Callable[[], object]], None]) -> None:
    (root / "log.txt").write_bytes(b"x" * BIG)
    meanwhile(lambda: (root / "log.txt").unlink(missing_ok=True))
    server = FakeServer()
    server.client.submit_dir(root, "train.py")
    assert shipped(server).keys() == {"train.py", "data/a.csv", "data/b.csv"}


def test_a_directory_that_is_written_all_the_time_is_shipped(root: Path) -> None:
    over = threading.Event()

    def churn() -> None:
        number = 0
        while not over.is_set():
            number += 1
            for name in ("data/a.csv", "log.txt"):
                (root / name).write_text(f"{number} " * 1000)
            (root / "step").mkdir()
            for name in (".train.py.swp", "step/weights"):
                (root / name).write_text(str(number))
            (root / "step" / "weights").unlink()
            (root / "step").rmdir()
            (root / ".train.py.swp").unlink()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(20):
            server = FakeServer()
            server.client.submit_dir(root, "train.py")
            found = shipped(server)
            assert found["data/b.csv"] == b"data/b.csv"
            assert {"data/a.csv", "log.txt", "train.py"} <= found.keys()
    finally:
        over.set()
        thread.join()
