from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from gpurun_jupyter import report
from gpurun_jupyter.core.events import Checkpoint
from gpurun_jupyter.report import checkpoints


@pytest.fixture
def kept(tmp_path, monkeypatch, reader) -> Path:
    monkeypatch.setenv("GPURUN_CHECKPOINT_DIR", str(tmp_path / "checkpoints"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "checkpoints"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_copied_and_told(kept, reader) -> None:
    Path("ck.pt").write_text("3")
    assert report.checkpoint("ck.pt", step=3, acc=0.5) == str(kept / "ck.pt")
    Path("ck.pt").write_text("overwritten in place")
    assert (kept / "ck.pt").read_text() == "3"
    assert report.last_checkpoint() == str(kept / "ck.pt")
    assert reader.events() == [_told(kept, step=3, values={"acc": 0.5})]


def test_a_directory_replaces_one_of_its_name(kept) -> None:
    for step in range(3):
        Path("model/layers").mkdir(parents=True, exist_ok=True)
        Path(f"model/layers/{step}").write_text(str(step))
        report.checkpoint("model", step=step)
        assert names(kept / "model" / "layers") == [str(n) for n in range(step + 1)]
        Path(f"model/layers/{step}").write_text("x")
    assert names(kept) == ["model"]


def test_of_two_processes_that_replace_the_same_directory_the_last_one_wins(kept, monkeypatch) -> None:
    for name in ("model", "others"):
        Path(name).mkdir()
        Path(name, "by").write_text(name)
    report.checkpoint("model")
    others, replace = kept / f"{checkpoints.PART}others", Path.replace
    shutil.copytree("others", others)

    def others_first(source: Path, target: Path) -> None:
        """When the place is free, another process puts its own there just before this one."""
        if others.exists() and not (kept / "model").exists():
            replace(others, kept / "model")
        replace(source, target)

    monkeypatch.setattr(Path, "replace", others_first)
    monkeypatch.setattr(Path, "rename", others_first)
    report.checkpoint("model")
    assert (kept / "model" / "by").read_text() == "model"
    assert names(kept) == ["model"]


def test_a_file_in_the_place_of_a_directory_and_back(kept) -> None:
    Path("ck").mkdir()
    report.checkpoint("ck")
    Path("ck").rmdir()
    Path("ck").write_text("file")
    report.checkpoint("ck")
    assert (kept / "ck").read_text() == "file"
    Path("ck").unlink()
    Path("ck").mkdir()
    report.checkpoint("ck")
    assert (kept / "ck").is_dir()
    assert names(kept) == ["ck"]


def test_the_newest_is_the_last_also_when_the_clock_was_set_back(kept, monkeypatch) -> None:
    for name in ("b", "a", "c"):
        Path(name).write_text(name)
        report.checkpoint(name)
    monkeypatch.setattr(checkpoints.time, "time_ns", lambda: 10**18)
    report.checkpoint("a")
    assert report.last_checkpoint() == str(kept / "a")


def test_what_is_saved_right_there_is_only_told(kept, reader) -> None:
    kept.mkdir()
    (kept / "ck.pt").write_text("3")
    assert report.checkpoint(kept / "ck.pt") == str(kept / "ck.pt")
    assert names(kept) == ["ck.pt"]
    assert reader.events() == [_told(kept)]


def test_a_copy_that_fails_leaves_what_was_there(kept, monkeypatch) -> None:
    Path("ck.pt").write_text("good")
    report.checkpoint("ck.pt")

    def fail(source, part) -> None:
        part.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.shutil, "copyfile", fail)
    with pytest.raises(OSError, match="No space"):
        report.checkpoint("ck.pt")
    assert (kept / "ck.pt").read_text() == "good"
    assert names(kept) == ["ck.pt"]


def test_many_values_fit_into_one_line(kept, reader) -> None:
    Path("ck.pt").write_text("")
    report.checkpoint("ck.pt", acc=float("nan"), **{f"value{n}" * 10: n for n in range(200)})
    (event,) = reader.events()
    assert 10 < len(event.values) < 200
    assert event.values["acc"] == "NaN"


def test_wrong_use(kept) -> None:
    with pytest.raises(FileNotFoundError, match=r"no 'missing\.pt'"):
        report.checkpoint("missing.pt")
    Path("ck.pt").write_text("")
    with pytest.raises(TypeError, match="acc must be one number"):
        report.checkpoint("ck.pt", acc="good")
    assert report.last_checkpoint() is None


def test_names_that_are_no_names(kept) -> None:
    Path("inner").mkdir()
    os.chdir("inner")
    report.checkpoint(".")
    assert names(kept) == ["inner"]
    os.chdir("..")
    Path("link").symlink_to("inner")
    report.checkpoint("link/")
    assert names(kept) == ["inner", "link"]
    assert not (kept / "link").is_symlink()


def test_outside_a_run(tmp_path, monkeypatch, capsys) -> None:
    for variable in ("GPURUN_REPORT", "GPURUN_CHECKPOINT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("ck.pt").write_text("")
    assert report.checkpoint("ck.pt", step=3, acc=0.9) == "ck.pt"
    assert capsys.readouterr().out == "checkpoint ck.pt at step 3 acc=0.9\n"
    assert report.last_checkpoint() is None
    assert names(tmp_path) == ["ck.pt"]


def _told(kept: Path, **more) -> Checkpoint:
    return Checkpoint(path="ck.pt", modified_ns=(kept / "ck.pt").stat().st_mtime_ns, **more)


def test_what_is_no_file_neither_raises_nor_is_waited_for(kept) -> None:
    """Of what lies among the files of a checkpoint, and among the checkpoints."""
    Path("model").mkdir()
    Path("model/w").write_text("w")
    os.mkfifo("model/pipe")
    Path("model/link").symlink_to("/nowhere")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("model/sock")
        report.checkpoint("model", step=1)
    assert names(kept / "model") == ["link", "w"]
    os.mkfifo(kept / "newest")
    assert report.last_checkpoint() == str(kept / "model")
    report.checkpoint("model", step=2)
    for call in (report.checkpoint, report.save_model):
        with pytest.raises(FileNotFoundError, match="'model/pipe' is neither a file nor a directory"):
            call("model/pipe")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_not_read_to_its_end(kept) -> None:
    Path("model").mkdir()
    os.mknod("model/zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    report.checkpoint("model")
    assert names(kept / "model") == []


def test_names_that_are_not_utf8_are_told_as_texts(kept, reader) -> None:
    name = os.fsdecode(b"\xb0\xa1.pt")
    Path(name).write_text("w")
    assert report.checkpoint(name.encode(errors="surrogateescape"), step=1) == str(kept / name)
    assert report.last_checkpoint() == str(kept / name)
    (event,) = reader.events()
    assert event.path == r"\xb0\xa1.pt"
    assert event.modified_ns == (kept / name).stat().st_mtime_ns
