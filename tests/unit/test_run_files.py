"""Where the files of a run lie, and that nothing else can be had by their names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpurun_jupyter.core.errors import FileMissing
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_server.store.folders.files import files_of, place_of


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    folder = Home(tmp_path).attempt("k3f9x2ab", 1)
    for place in (folder.work / "checkpoints", folder.checkpoints):
        place.mkdir(parents=True)
    folder.grant.write_text("secret")
    (folder.work / "checkpoints" / "own.txt").write_text("of the workspace")
    (folder.checkpoints / "ck.pt").write_text("a checkpoint")
    (folder.work / "out").symlink_to(folder.path)
    return folder


def test_the_workspace_goes_before_the_checkpoints(folder: AttemptFolder) -> None:
    assert place_of(folder, "checkpoints/own.txt").read_text() == "of the workspace"
    assert place_of(folder, "checkpoints/ck.pt").read_text() == "a checkpoint"
    assert [file.path for file in files_of(folder)] == ["checkpoints/ck.pt", "checkpoints/own.txt"]


@pytest.mark.parametrize(
    "path", ["../grant.json", "out/grant.json", "checkpoints/../../grant.json", "/etc/passwd", "", ".", "checkpoints/"]
)
def test_nothing_outside_is_found(folder: AttemptFolder, path: str) -> None:
    with pytest.raises(FileMissing):
        place_of(folder, path)


def test_a_million_files_are_not_listed(folder: AttemptFolder) -> None:
    for number in range(9):
        (folder.work / str(number)).touch()
    assert len(files_of(folder, most=3)) == 3


def test_names_that_are_not_utf8(folder: AttemptFolder) -> None:
    (folder.work / os.fsdecode(b"\xb0\xa1.txt")).write_text("of bytes")
    (folder.work / r"\xb0\xa1.txt").write_text("of a text that looks so")
    listed = [file.path for file in files_of(folder) if file.path.endswith(".txt") and "\\" in file.path]
    assert listed == [r"\x5cxb0\x5cxa1.txt", r"\xb0\xa1.txt"]
    assert [place_of(folder, path).read_text() for path in listed] == ["of a text that looks so", "of bytes"]


def test_what_is_no_file_is_neither_listed_nor_found(folder: AttemptFolder) -> None:
    os.mkfifo(folder.work / "pipe")
    assert "pipe" not in [file.path for file in files_of(folder)]
    with pytest.raises(FileMissing):
        place_of(folder, "pipe")
