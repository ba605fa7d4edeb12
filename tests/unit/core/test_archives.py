from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from gpurun_jupyter.core.errors import BadArchive
from gpurun_jupyter.core.formats.archives import Limits, check, top_folder


def write_zip(path: Path, members: dict[str, str], links: dict[str, str] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        for name, target in (links or {}).items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, target)
    return path


def test_a_link_that_steps_out_through_another_is_refused(tmp_path: Path) -> None:
    packed = write_zip(tmp_path / "it.zip", {}, {"d/e/b": "../..", "through": "d/e/b/../secret"})
    with pytest.raises(BadArchive, match="points out of it"):
        check(packed)


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
