from __future__ import annotations

import os
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gpurun_jupyter.core.archives import Limits, check, top_folder, unpack
from gpurun_jupyter.core.errors import BadArchive

segment = st.sampled_from(["a", "b", "..", ".", "", "c.py", "\\", "C:", "ü"])


def write_zip(path: Path, members: dict[str, str], links: dict[str, str] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        for name, target in (links or {}).items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, target)
    return path


@given(name=st.lists(segment, min_size=1, max_size=4).map("/".join), target=st.none() | st.lists(segment).map("/".join))
def test_whatever_is_unpacked_stays_inside(name: str, target: str | None) -> None:
    assume(name)
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder, "outer", "into")
        try:
            packed = write_zip(
                Path(folder, "it.zip"), {} if target else {name: "x"}, {name: target} if target else None
            )
            unpack(packed, into)
        except BadArchive:
            assert not into.exists()
        else:
            assert list(into.parent.iterdir()) == [into]
        for link in (path for path in into.rglob("*") if path.is_symlink()):
            assert Path(os.path.realpath(link)).is_relative_to(os.path.realpath(into))


def test_a_link_that_steps_out_through_another_is_refused(tmp_path: Path) -> None:
    packed = write_zip(tmp_path / "it.zip", {}, {"d/e/b": "../..", "through": "d/e/b/../secret"})
    with pytest.raises(BadArchive, match="points out of it"):
        check(packed)


def test_a_link_inside_the_tree_is_kept(tmp_path: Path) -> None:
    packed = write_zip(tmp_path / "it.zip", {"data/one.txt": "1"}, {"latest": "data/one.txt"})
    unpack(packed, tmp_path / "into")
    assert (tmp_path / "into" / "latest").read_text() == "1"


def test_an_executable_stays_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "it.zip", "w") as archive:
        member = zipfile.ZipInfo("tool")
        member.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(member, "#!/bin/sh\n")
    unpack(tmp_path / "it.zip", tmp_path / "into")
    assert (tmp_path / "into" / "tool").stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(files=1), "holds 2 files"),
        (Limits(total_bytes=1000), "unpacks to"),
        (Limits(ratio=10, ratio_from_bytes=1000), "zip bomb"),
    ],
)
def test_limits(tmp_path: Path, limits: Limits, words: str) -> None:
    with zipfile.ZipFile(tmp_path / "it.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one", "0" * 100_000)
        archive.writestr("two", "")
    with pytest.raises(BadArchive, match=words):
        check(tmp_path / "it.zip", limits)


def test_a_pipe_in_a_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "it.zip", "w") as archive:
        member = zipfile.ZipInfo("pipe")
        member.external_attr = (stat.S_IFIFO | 0o644) << 16
        archive.writestr(member, "")
    with pytest.raises(BadArchive, match="neither a file"):
        check(tmp_path / "it.zip")


@pytest.mark.parametrize(
    ("names", "entry", "wrapped"),
    [
        (["p/train.py", "p/data/x"], "train.py", "p/"),
        (["p/train.py"], "p/train.py", ""),
        (["train.py", "p/x"], "train.py", ""),
        (["src/train.py"], "other.py", ""),
        (["src/module.py"], None, ""),
    ],
)
def test_top_folder(names: list[str], entry: str | None, wrapped: str) -> None:
    assert top_folder(names, entry) == wrapped
