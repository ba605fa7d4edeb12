"""Workspaces and data sets, laid out from blobs."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gpurun_jupyter.agent.runner import copies, data_sets
from gpurun_jupyter.core.errors import BadArchive, FileMissing
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.manifests import Entry, digest_of, encode
from gpurun_jupyter.core.runs import DataUse


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def ship(home: Home, *files: tuple[str, bytes]) -> str:
    entries = [Entry(name, keep(home, data), len(data), name.endswith(".sh")) for name, data in files]
    return keep(home, encode(entries))


def keep(home: Home, content: bytes) -> str:
    digest = digest_of(content)
    home.blob(digest).parent.mkdir(exist_ok=True)
    home.blob(digest).write_bytes(content)
    return digest


def laid_out(home: Home, digest: str, into: Path) -> dict[str, bytes]:
    copies.lay_out(home, copies.manifest_of(home, digest), into)
    return {str(path.relative_to(into)): path.read_bytes() for path in into.rglob("*") if path.is_file()}


def test_a_workspace_holds_the_files_and_shares_no_inode(home: Home, tmp_path: Path) -> None:
    files = [("a.sh", b"1"), ("deep/er/b.txt", b"2" * 100_000), ("deep/empty", b"")]
    work = tmp_path / "work"
    assert laid_out(home, ship(home, *files), work) == dict(files)
    assert os.access(work / "a.sh", os.X_OK)
    assert (work / "deep" / "empty").stat().st_mode & 0o777 == 0o644
    (work / "a.sh").write_bytes(b"changed")
    assert home.blob(digest_of(b"1")).read_bytes() == b"1"
    assert home.blob(digest_of(b"1")).stat().st_nlink == 1


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS])
def test_bytes_are_copied_where_the_kernel_cannot(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(copies.fcntl, "ioctl", refuse)
    digest = ship(home, ("a", b"1" * 10_000), ("b", b"2"))
    assert laid_out(home, digest, tmp_path / "one") == {"a": b"1" * 10_000, "b": b"2"}
    monkeypatch.setattr(copies.os, "copy_file_range", refuse, raising=False)
    assert laid_out(home, digest, tmp_path / "two") == {"a": b"1" * 10_000, "b": b"2"}


def test_blocks_are_shared_where_the_file_system_can(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloned = []

    def clone(after: int, request: int, before: int) -> None:
        assert request == 0x40049409
        cloned.append(os.write(after, os.read(before, 1000)))

    monkeypatch.setattr(copies.fcntl, "ioctl", clone)
    digest = ship(home, ("a", b"1"), ("b.sh", b"22"))
    assert laid_out(home, digest, tmp_path / "work") == {"a": b"1", "b.sh": b"22"}
    assert sorted(cloned) == [1, 2]


def test_a_full_disk_is_not_taken_for_a_file_system_that_cannot(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copies.fcntl, "ioctl", refuse)
    with pytest.raises(OSError, match="No space left"):
        laid_out(home, ship(home, ("a", b"1")), tmp_path / "work")


def test_what_is_gone_is_named(home: Home, tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="gone from the server"):
        copies.manifest_of(home, "0" * 64)
    digest = ship(home, ("data/a.csv", b"1"))
    home.blob(digest_of(b"1")).unlink()
    with pytest.raises(FileMissing, match=r"data/a\.csv is gone"):
        laid_out(home, digest, tmp_path / "work")


def test_a_manifest_that_leaves_its_folder_is_never_laid_out(home: Home) -> None:
    with pytest.raises(BadArchive):
        copies.manifest_of(home, ship(home, ("../evil", b"1")))


def shown(home: Home, digest: str, work: Path) -> Path:
    """As an ordinary user has it, whom modes stop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_sets.os, "geteuid", lambda: 1000)
        return shown_here(home, digest, work.name)[0]


def shown_here(home: Home, digest: str, run_id: str) -> tuple[Path, str]:
    folder = home.attempt(run_id, 1)
    note = data_sets.show(folder, DataUse("digits", "data/digits", manifest=digest))
    return folder.work / "data" / "digits", note


def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_sets.os, "geteuid", lambda: 0)


def test_root_has_a_copy_of_its_own(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    as_root(monkeypatch)
    digest = ship(home, ("raw/a.csv", b"1"), ("b.sh", b"2"))
    (first, said), (second, _) = (shown_here(home, digest, run) for run in ("one", "two"))
    assert said == ""
    for path in (first / "raw", first / "raw" / "a.csv"):
        path.chmod(0o777)
    (first / "raw" / "a.csv").write_bytes(b"changed")
    assert (second / "raw" / "a.csv").read_bytes() == b"1"
    assert home.blob(digest_of(b"1")).read_bytes() == b"1"
    assert (second / "b.sh").stat().st_mode & 0o777 == 0o555


def test_root_is_told_where_a_copy_would_cost_too_much(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    as_root(monkeypatch)
    monkeypatch.setattr(data_sets, "_COPIED_BYTES", 1)
    digest = ship(home, ("raw/a.csv", b"12"))
    monkeypatch.setattr(data_sets, "shares_blocks", lambda _: False)
    (first, said), (second, _) = (shown_here(home, digest, run) for run in ("one", "two"))
    assert first.samefile(second)
    assert "digits (2 B) is the copy that all runs of this machine share" in said
    monkeypatch.setattr(data_sets, "shares_blocks", lambda _: True)
    own, said = shown_here(home, digest, "three")
    assert (own.samefile(first), said) == (False, "")


def test_runs_share_one_copy_of_a_data_set_that_none_may_write(home: Home, tmp_path: Path) -> None:
    digest = ship(home, ("raw/a.csv", b"1"), ("b.sh", b"2"))
    first, second = (shown(home, digest, tmp_path / name) for name in ("one", "two"))
    assert (first / "raw" / "a.csv").read_bytes() == b"1"
    assert first.samefile(second)
    assert (first / "raw" / "a.csv").stat().st_mode & 0o777 == 0o444
    assert (first / "b.sh").stat().st_mode & 0o777 == 0o555
    assert {path.stat().st_mode & 0o777 for path in (first, first / "raw")} == {0o555}
    assert home.blob(digest_of(b"1")).stat().st_nlink == 1


def test_a_copy_that_root_has_written_to_is_made_anew(home: Home, tmp_path: Path) -> None:
    digest = ship(home, ("raw/a.csv", b"1"))
    for number, name in enumerate(("a.csv", "another")):
        raw = shown(home, digest, tmp_path / f"one{number}") / "raw"
        for path in (raw, *raw.iterdir()):
            path.chmod(0o755)
        (raw / name).write_bytes(b"2")
        found = shown(home, digest, tmp_path / f"two{number}") / "raw"
        assert {path.name: path.read_bytes() for path in found.iterdir()} == {"a.csv": b"1"}
    assert len(list(home.data.glob(".old-*"))) == 1
    assert not [path for path in home.data.iterdir() if path.name[0] == "." and not path.name.startswith(".old-")]
