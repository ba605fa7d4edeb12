"""What is run of a directory, a zip or a file, however it was called."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from foreign_zips import DAMAGED, ZIPS

from gpurun_jupyter.client.sweeps import read
from gpurun_jupyter.core.errors import BadArchive, FileMissing, InvalidRequest
from gpurun_jupyter.core.launch.check import parse
from gpurun_jupyter.core.run_checks import check_run
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.shipped import ShippedDir
from gpurun_jupyter.shipping.entries import chosen, place_in
from gpurun_jupyter.shipping.gather import gather


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / "pkg").mkdir(parents=True)
    for name in ("train.py", "pkg/__init__.py", "pkg/train.py"):
        (root / name).write_text("")
    (tmp_path / "linked").symlink_to(root)
    (tmp_path / "outside.py").write_text("")
    monkeypatch.chdir(root)
    return root


SAID = {
    "train.py": "train.py",
    "./train.py": "train.py",
    "x/../train.py": "train.py",
    ".//pkg/./train.py": "pkg/train.py",
    "{root}/train.py": "train.py",
    "{root}/pkg/../train.py": "train.py",
    "{root}/../linked/pkg/train.py": "pkg/train.py",
}


@pytest.mark.parametrize("said", SAID)
def test_an_entry_has_one_name(project: Path, said: str) -> None:
    entry = said.format(root=project)
    assert place_in(Path(), entry) == SAID[said]
    assert chosen(Path(), entry).entry == SAID[said]
    assert chosen(project.parent / "linked", entry).entry == SAID[said]
    for folder in (".", str(project), str(project.parent / "linked")):
        file = parse(f"dir: {folder}\nentry: {entry}\n")
        for within in (None, project.parent):
            if within is None or folder == ".":
                spec = gather(file, project, lambda _: RunSpec(), within).spec(file, "0" * 64)
                assert spec.dir == ShippedDir("0" * 64, SAID[said])
    if "{root}" not in said:
        assert ShippedDir("0" * 64, entry).entry == SAID[said]


@pytest.mark.parametrize(
    "said", ["../outside.py", "{root}/../outside.py", "pkg/../../outside.py", "/etc/hostname", "."]
)
def test_an_entry_outside_is_refused(project: Path, said: str) -> None:
    entry = said.format(root=project)
    with pytest.raises(InvalidRequest, match="outside the directory"):
        chosen(Path(), entry)
    with pytest.raises(InvalidRequest, match="outside the directory"):
        check_run(RunSpec(dir=ShippedDir("0" * 64, entry)))
    with pytest.raises(InvalidRequest, match="outside the directory"):
        gather(parse(f"dir: .\nentry: {entry}\n"), project, lambda _: RunSpec())


def test_a_script_of_a_launch_file_has_one_name(project: Path) -> None:
    for said in ("train.py", "./train.py", "pkg/../train.py", str(project / "train.py")):
        file = parse(f"entry: {said}\n")
        assert gather(file, project, lambda _: RunSpec()).spec(file, "0" * 64).dir == ShippedDir("0" * 64, "train.py")


def test_an_entry_that_is_a_link_keeps_its_name(project: Path) -> None:
    (project / "latest.py").symlink_to("train.py")
    assert chosen(project, str(project / "latest.py")).entry == "latest.py"


def test_a_module_is_not_looked_for(project: Path) -> None:
    entry, shipment, _ = chosen(project, None, module="torch.distributed.run")
    assert entry is None
    assert shipment is not None
    assert [file.name for file in shipment.files] == ["pkg/__init__.py", "pkg/train.py", "train.py"]
    with pytest.raises(InvalidRequest, match="not both"):
        chosen(project, "train.py", module="pkg.train")
    with pytest.raises(InvalidRequest, match="is a file"):
        chosen(project / "train.py", None, module="pkg.train")


@pytest.mark.parametrize("module", ["", "pkg.", "..", "a/b", "-c", "pkg.train\n", "a b"])
def test_what_is_no_module_is_refused(module: str) -> None:
    with pytest.raises(InvalidRequest, match="name of a module"):
        check_run(RunSpec(dir=ShippedDir("0" * 64, module=module)))


def test_a_run_is_of_one_thing() -> None:
    for shipped in (ShippedDir("0" * 64), ShippedDir("0" * 64, "a.py", [], "a")):
        with pytest.raises(InvalidRequest, match="runs an entry point, a module"):
            check_run(RunSpec(dir=shipped))


def test_a_module_in_a_launch_file(project: Path) -> None:
    file = parse("dir: .\nmodule: pkg.train\nargs: ['--x', '{lr}']\nvalues:\n  lr: [1, 2]\n")
    spec = gather(file, project, lambda _: RunSpec()).spec(file, "0" * 64)
    assert spec.dir == ShippedDir("0" * 64, None, ["--x", "{lr}"], "pkg.train")
    assert spec.dir.what == ["-m", "pkg.train"]
    with pytest.raises(InvalidRequest, match=r"line 1, column 1: A module is run in a directory"):
        parse("module: pkg.train\n")
    with pytest.raises(InvalidRequest, match="The file says module, but entry too"):
        parse("dir: .\nentry: a.py\nmodule: pkg.train\n")


def test_a_launch_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    text = "entry: show.py\nvalues:\n  text: [한글]\n"
    (tmp_path / "it.gpurun.yaml").write_bytes(text.encode("cp949"))
    with pytest.raises(InvalidRequest, match="no UTF-8: byte"):
        read(tmp_path / "it.gpurun.yaml")
    (tmp_path / "it.gpurun.yaml").write_text(text, "utf-8-sig")
    assert read(tmp_path / "it.gpurun.yaml")[0].values == {"text": ["한글"]}


@pytest.mark.parametrize("made_by", ZIPS)
def test_a_zip_of_another_system_has_its_entry(tmp_path: Path, made_by: str) -> None:
    (tmp_path / "it.zip").write_bytes(ZIPS[made_by][0])
    entry, shipment, notes = chosen(tmp_path / "it.zip", None)
    assert (entry, shipment) == ("main.py", None)
    assert all("were read as" in note for note in notes)


@pytest.mark.parametrize("kind", [kind for kind in DAMAGED if kind != "zeros inside"])
@pytest.mark.parametrize("name", ["download.zip", "DOWNLOAD.ZIP"])
def test_a_damaged_zip_is_no_script(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / name).write_bytes(DAMAGED[kind])
    with pytest.raises(BadArchive, match="not a whole zip"):
        chosen(tmp_path / name, None)


def test_unclear_zips_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.py", "")
        archive.writestr("b.py", "")
    with pytest.raises(InvalidRequest, match=r"a\.py, b\.py"):
        chosen(path, None)
    with pytest.raises(FileMissing):
        chosen(tmp_path / "missing.zip", None)
    os.mkfifo(tmp_path / "fifo.zip")
    with pytest.raises(FileMissing):
        chosen(tmp_path / "fifo.zip", None)
