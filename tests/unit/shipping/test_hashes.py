"""The memory of files' contents: right whatever happens to the files or to itself."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.shipping import hashes, reading
from gpurun_jupyter.shipping.collect import collect


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.txt").write_text("one")
    (tmp_path / "root" / "b.txt").write_text("two")
    return tmp_path / "root"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read; everything counts as long settled."""
    read: list[str] = []
    real = hashes._read_all

    def read_all(path: str) -> tuple[bytes, int]:
        read.append(Path(path).name)
        return real(path)

    monkeypatch.setattr(hashes, "_read_all", read_all)
    monkeypatch.setattr(hashes, "_SETTLED_NS", -(10**12))
    return read


def digests(root: Path, cache: Path) -> list[str]:
    return [one.digest for one in hashes.hashed(collect(root), cache) if one is not None]


def sums(*texts: str) -> list[str]:
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def test_only_what_was_touched_is_read_again(root: Path, tmp_path: Path, reads: list[str]) -> None:
    cache = tmp_path / "cache"
    assert digests(root, cache) == sums("one", "two")
    assert digests(root, cache) == sums("one", "two")
    assert reads == ["a.txt", "b.txt"]
    (root / "a.txt").write_text("eno")  # as long as before
    assert digests(root, cache) == sums("eno", "two")
    assert reads[2:] == ["a.txt"]


def test_a_change_that_keeps_size_and_time_is_seen(root: Path, tmp_path: Path, reads: list[str]) -> None:
    cache, path = tmp_path / "cache", root / "a.txt"
    before = path.stat()
    digests(root, cache)
    path.write_text("eno")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests(root, cache) == sums("eno", "two")
    other = root / "c.txt"
    other.write_text("thr")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)  # another inode
    assert digests(root, cache) == sums("thr", "two")


def test_what_was_touched_just_now_is_not_trusted(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "_SETTLED_NS", 3600 * 10**9)
    digests(root, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))


@pytest.mark.parametrize("damage", [b"", b"\x00", b"garbage" * 100])
def test_a_damaged_memory_counts_as_empty(root: Path, tmp_path: Path, reads: list[str], damage: bytes) -> None:
    cache = tmp_path / "cache"
    digests(root, cache)
    (kept,) = cache.glob("*.hashes")
    whole = kept.read_bytes()
    for broken in (damage, whole[:-1], whole[:20] + bytes([whole[20] ^ 1]) + whole[21:]):
        kept.write_bytes(broken)
        reads.clear()
        assert digests(root, cache) == sums("one", "two")
        assert reads == ["a.txt", "b.txt"]


def test_a_memory_that_cannot_be_written_is_no_trouble(root: Path, tmp_path: Path, reads: list[str]) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert digests(root, tmp_path / "cache") == sums("one", "two")


@pytest.mark.parametrize("instead", [Path.unlink, Path.mkdir, os.mkfifo])
def test_a_file_that_went_away_has_no_content(root: Path, tmp_path: Path, instead: Callable[[Path], None]) -> None:
    shipment = collect(root)
    (root / "b.txt").unlink()
    if instead is not Path.unlink:
        instead(root / "b.txt")
    found = hashes.hashed(shipment, tmp_path / "cache")
    assert [one and one.digest for one in found] == [*sums("one"), None]


def test_a_file_that_cannot_be_read_is_named(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    shipment = collect(root)
    monkeypatch.setattr(reading.os, "open", refuse)
    with pytest.raises(InvalidRequest, match=r"a\.txt cannot be read \(Permission denied\)"):
        hashes.hashed(shipment, tmp_path / "cache")


def test_a_file_that_grows_is_read_as_far_as_it_was(root: Path) -> None:
    (root / "a.txt").write_bytes(b"x" * (3 * 2**20))
    read = 0
    for piece in reading.pieces(str(root / "a.txt")):
        read += len(piece)
        with (root / "a.txt").open("ab") as file:
            file.write(b"x" * (2 * 2**20))
    assert read == 3 * 2**20


def test_memories_of_directories_long_not_shipped_are_dropped(
    root: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "_KEPT_DIRECTORIES", 2)
    cache = tmp_path / "cache"
    cache.mkdir()
    for age in range(3):
        (cache / f"{age}.hashes").write_bytes(b"")
        os.utime(cache / f"{age}.hashes", (time.time() - 100 - age,) * 2)
    digests(root, cache)
    kept = {path.name for path in cache.iterdir()}
    assert len(kept) == 2
    assert "0.hashes" in kept


def test_many_at_the_same_time_are_all_right(root: Path, tmp_path: Path, reads: list[str]) -> None:
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: digests(root, cache), range(50)))
    assert found == [sums("one", "two")] * 50
    assert [path.suffix for path in cache.iterdir()] == [".hashes"]


def test_of_many_files_none_is_forgotten_when_one_changes(root: Path, tmp_path: Path, reads: list[str]) -> None:
    for number in range(1100):
        (root / f"{number}.bin").write_text(str(number))
    digests(root, tmp_path / "cache")
    (root / "a.txt").write_text("eno")
    digests(root, tmp_path / "cache")
    reads.clear()
    digests(root, tmp_path / "cache")
    assert reads == []
