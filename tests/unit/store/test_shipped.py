"""Which files of a workspace are listed as shipped: by their content, whatever their times say."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.manifests import Entry, Manifest
from gpurun_server.store.folders import shipped
from gpurun_server.store.folders.files import MOST, files_of

SHIPPED = {"train.py": b"print(1)\n", "data/a.csv": b"1,2\n", "layers/conv.py": b"width = 7\n"}
OLD_NS = 10**18


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    made = Home(tmp_path).attempt("k3f9x2ab", 1)
    for path, content in SHIPPED.items():
        write(made.work / path, content)
    return made


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def manifest() -> Manifest:
    return Manifest([Entry(path, sha256(content).hexdigest(), len(content)) for path, content in SHIPPED.items()])


def listed(folder: AttemptFolder, most: int = MOST) -> tuple[list[str], list[str]]:
    found = files_of(folder, manifest(), most)
    assert [file.shipped for file in found] == sorted(file.shipped for file in found)
    return [one.path for one in found if not one.shipped], [one.path for one in found if one.shipped]


def test_nothing_but_what_was_shipped(folder: AttemptFolder) -> None:
    assert listed(folder) == ([], sorted(SHIPPED))
    assert not any(file.shipped for file in files_of(folder))


def test_what_was_made_and_changed_comes_first(folder: AttemptFolder) -> None:
    write(folder.work / "out" / "model.pt", b"weights")
    write(folder.checkpoints / "ck.pt", b"weights")
    write(folder.work / "train.py", b"print(2)\n")  # of the same size
    made, rest = listed(folder)
    assert made == ["checkpoints/ck.pt", "out/model.pt", "train.py"]
    assert rest == ["data/a.csv", "layers/conv.py"]


CHANGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "touched": (lambda path: path.touch(), True),
    "written again": (lambda path: path.write_bytes(path.read_bytes()), True),
    "replaced by a copy": (lambda path: copied(path).replace(path), True),
    "appended to": (lambda path: path.open("ab").write(b"#"), False),
    "changed, and its old time put back": (lambda path: put_back(path, b"print(9)\n"), False),
    "emptied": (lambda path: path.write_bytes(b""), False),
}


def copied(path: Path) -> Path:
    beside = path.with_name("beside")
    beside.write_bytes(path.read_bytes())
    return beside


def put_back(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(OLD_NS, OLD_NS))


@pytest.mark.parametrize("is_settled", [True, False], ids=["at-rest", "just-now"])
@pytest.mark.parametrize("change", CHANGES)
def test_content_decides(
    folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch, change: str, *, is_settled: bool
) -> None:
    monkeypatch.setattr(shipped, "_SETTLED_NS", -(10**12) if is_settled else 10**12)
    path = folder.work / "train.py"
    os.utime(path, ns=(OLD_NS, OLD_NS))
    listed(folder)  # its sha256 is remembered
    act, is_the_same = CHANGES[change]
    before = path.stat().st_ctime_ns
    act(path)
    while is_settled and path.stat().st_ctime_ns == before:
        act(path)  # within one tick of the file system's clock nothing is at rest
    assert ("train.py" in listed(folder)[1]) is is_the_same


def test_a_file_at_rest_is_read_once(folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_SETTLED_NS", -(10**12))
    listed(folder)
    monkeypatch.setattr(shipped, "_sha256", lambda place: pytest.fail(f"{place} is read again"))
    assert listed(folder) == ([], sorted(SHIPPED))


def test_what_python_compiled_of_a_shipped_module_goes_with_it(folder: AttemptFolder) -> None:
    for cache in ("__pycache__/train.cpython-312.pyc", "layers/__pycache__/conv.cpython-312.opt-1.pyc"):
        write(folder.work / cache, b"compiled")
    write(folder.work / "__pycache__" / "made.cpython-312.pyc", b"of a module that the run wrote")
    write(folder.work / "train.pyc", b"no cache")
    write(folder.work / "layers" / "conv.py", b"width = 8\n")
    assert listed(folder)[0] == [
        "__pycache__/made.cpython-312.pyc",
        "layers/__pycache__/conv.cpython-312.opt-1.pyc",
        "layers/conv.py",
        "train.pyc",
    ]


def test_what_stands_in_the_place_of_a_shipped_file(folder: AttemptFolder) -> None:
    (folder.work / "train.py").unlink()
    (folder.work / "train.py").symlink_to(folder.work / "data" / "a.csv")
    (folder.work / "data" / "a.csv").unlink()
    (folder.work / "data" / "a.csv").mkdir()
    write(folder.work / "data" / "a.csv" / "x", b"1,2\n")
    assert listed(folder) == (["data/a.csv/x"], ["layers/conv.py"])


def test_shipped_files_leave_room_for_what_was_made(folder: AttemptFolder) -> None:
    for name in ("x", "y"):
        write(folder.work / "zoo" / name, b"made")
    assert listed(folder, 2) == (["zoo/x", "zoo/y"], [])


@given(changed=st.sets(st.sampled_from(sorted(SHIPPED))), made=st.sets(st.sampled_from(["a", "b/c", "train.pt"])))
def test_every_file_is_on_one_side(tmp_path_factory: pytest.TempPathFactory, changed: set[str], made: set[str]) -> None:
    folder = Home(tmp_path_factory.mktemp("home")).attempt("k3f9x2ab", 1)
    for path, content in SHIPPED.items():
        write(folder.work / path, content.upper() if path in changed and content.upper() != content else content)
    for path in made:
        write(folder.work / path, b"made")
    really = {path for path in changed if SHIPPED[path].upper() != SHIPPED[path]}
    assert listed(folder) == (sorted(really | made), sorted(set(SHIPPED) - really))
