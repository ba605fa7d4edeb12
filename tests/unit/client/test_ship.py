from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from gpurun_jupyter.client import ship
from gpurun_jupyter.core.errors import FileMissing, InvalidRequest, TooLarge


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def names(shipment: ship.Shipment) -> list[str]:
    return [file.name for file in shipment.files]


def test_gitignore_files_speak_for_their_directories_and_below(tmp_path: Path) -> None:
    tree(tmp_path, "train.py", "data/a.csv", "logs/x.log", "src/keep.log", "src/y.log", "src/deep/z.log", "src/.env.py")
    (tmp_path / ".gitignore").write_text("*.log\n/data/\n")
    (tmp_path / "src" / ".gitignore").write_text("!keep.log\n.env.*\n")
    assert names(ship.collect(tmp_path)) == [".gitignore", "src/.gitignore", "src/keep.log", "train.py"]


def test_junk_and_virtual_environments_stay_here(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", ".git/config", "p/__pycache__/a.pyc", "node_modules/x.js", "env311/pyvenv.cfg", "env311/x")
    assert names(ship.collect(tmp_path)) == ["a.py"]


def test_links_inside_are_followed_and_links_out_are_left_out_with_a_sentence(tmp_path: Path) -> None:
    root, outside = tree(tmp_path / "root", "real/a.txt"), tree(tmp_path / "outside", "b.txt")
    (root / "linked").symlink_to("real")
    (root / "file").symlink_to("real/a.txt")
    (root / "out").symlink_to(outside)
    (root / "broken").symlink_to("nowhere")
    (root / "real" / "loop").symlink_to("..")
    shipment = ship.collect(root)
    assert names(shipment) == ["file", "linked/a.txt", "real/a.txt"]
    assert [note.partition(":")[0] for note in shipment.notes] == [
        "left out broken",
        "left out linked/loop",
        "left out out",
        "left out real/loop",
    ]


def test_what_is_neither_file_nor_directory_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tree(tmp_path, "a") / "pipe")
    assert names(ship.collect(tmp_path)) == ["a"]
    assert "pipe" in ship.collect(tmp_path).notes[0]


def test_the_size_guard_reads_nothing_and_names_the_biggest(tmp_path: Path) -> None:
    for name, size_bytes in [("data/raw/x.bin", 2 * 2**30), ("models/m.pt", 2**30), ("logs/l.txt", 2**20), ("a.py", 5)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / name).open("wb") as file:
            file.truncate(size_bytes)  # sparse: takes no room and no time
        (tmp_path / name).chmod(0)
    with pytest.raises(TooLarge) as raised:
        ship.collect(tmp_path)
    assert "3.0 GB in 4 files" in raised.value.message
    assert "data/raw/ 2.0 GB, models/ 1.0 GB, logs/ 1.0 MB" in raised.value.message


def test_a_zip_of_the_same_files_is_the_same_bytes(tmp_path: Path) -> None:
    tree(tmp_path, "b/x.py", "a.sh")
    (tmp_path / "a.sh").chmod(0o700)
    with ship.zipped(ship.collect(tmp_path)) as path:
        first = path.read_bytes()
        entries = zipfile.ZipFile(path).infolist()
    os.utime(tmp_path / "a.sh", (1, 1))
    with ship.zipped(ship.collect(tmp_path)) as path:
        assert path.read_bytes() == first
    assert [(entry.filename, entry.external_attr >> 16 & 0o111) for entry in entries] == [
        ("a.sh", 0o111),
        ("b/x.py", 0),
    ]
    assert not path.exists()


def test_missing_directories_and_unclear_zips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="nowhere"):
        ship.collect(tmp_path / "nowhere")
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.py", "")
        archive.writestr("b.py", "")
    with pytest.raises(InvalidRequest, match=r"a\.py, b\.py"):
        ship.entry_of_zip(path)
