from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from gpurun_jupyter.agent.runner import workspace_files
from gpurun_jupyter.agent.runner.workspace_files import WorkspaceFiles


def followed(work: Path) -> WorkspaceFiles:
    return WorkspaceFiles(work, lambda path: path.suffix == ".csv")


def read(files: WorkspaceFiles, *, whole: bool = False) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path, now in files.grown():
        if growth := files.read(path, now, 1000, whole=whole):
            found[str(growth.path)] = (growth.start, growth.data)
    return found


def test_only_what_grows_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("a,b\n")
    files = followed(tmp_path)
    assert files.at_start(PurePosixPath("old.csv")) == 4
    read(files)
    assert read(files) == {}
    (tmp_path / "new.csv").write_text("1")
    (tmp_path / "new.txt").write_text("1")
    assert read(files) == {"new.csv": (0, b"1")}
    with (tmp_path / "new.csv").open("a") as file:
        file.write("23")
    assert read(files) == {"new.csv": (1, b"23")}
    assert files.at_start(PurePosixPath("new.csv")) == 0


def test_folders_that_come_later_are_looked_into(tmp_path: Path) -> None:
    files = followed(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "log.csv").write_text("1")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "log.csv").write_text("1")
    assert [*read(files)] == ["a/b/log.csv"]
    (tmp_path / "a" / "late.csv").write_text("1")
    assert [*read(files)] == ["a/late.csv"]


def test_a_file_that_is_written_anew_comes_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    files = followed(tmp_path)
    log.write_text("12345")
    read(files)
    log.write_text("6")
    assert read(files) == {"log.csv": (0, b"6")}
    (tmp_path / "other").write_text("789")
    (tmp_path / "other").replace(log)
    assert read(files) == {"log.csv": (0, b"789")}


def test_a_long_file_comes_in_pieces(tmp_path: Path) -> None:
    files = followed(tmp_path)
    (tmp_path / "log.csv").write_bytes(b"x" * 2500)
    assert [read(files)["log.csv"][0] for _ in range(3)] == [0, 1000, 2000]
    assert read(files) == {}


def test_links_and_what_is_no_file_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "log.csv").write_text("secret")
    work = tmp_path / "work"
    work.mkdir()
    files = followed(work)
    (work / "link.csv").symlink_to(outside / "log.csv")
    (work / "folder").symlink_to(outside)
    os.mkfifo(work / "fifo.csv")
    assert read(files) == {}
    (work / "log.csv").write_text("1")
    assert [*read(files)] == ["log.csv"]
    (work / "log.csv").unlink()
    (work / "log.csv").symlink_to(outside / "log.csv")  # put in the place of a file that was read
    assert read(files) == {}


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    outside, work = tmp_path / "outside", tmp_path / "work"
    for folder in (outside, work / "logs"):
        folder.mkdir(parents=True)
        (folder / "log.csv").write_text("1")
    files = followed(work)
    read(files)
    (work / "logs" / "log.csv").unlink()
    (work / "logs").rmdir()
    (work / "logs").symlink_to(outside)
    (outside / "log.csv").write_text("secret")
    (outside / "new.csv").write_text("secret")
    assert read(files) == {}


def test_no_more_than_so_many_folders_and_files(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(workspace_files, "MAX_FOLDERS", 5)
    monkeypatch.setattr(workspace_files, "MAX_FILES", 3)
    for number in range(20):
        (tmp_path / str(number)).mkdir()
        (tmp_path / f"{number}.csv").write_text("1")
    assert len(read(followed(tmp_path))) == 3
