"""Local modules are found as Python would find them, and nothing is run."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import InvalidRequest, SecretsFound, TooLarge
from gpurun_jupyter.shipping import reading
from gpurun_jupyter.shipping.imports import imported, local_modules, told


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / (name.replace("__in__", "/__init__").replace("___", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(code: str, path: list[str] | None = None) -> list[str]:
    shipment = local_modules(code, path or ["", *sys.path])
    return [file.name for file in shipment.files] if shipment else []


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import os, numpy as np, pkg.sub", {"numpy", "pkg"}),
        ("from a.b import c\nfrom . import d\nfrom .e import f", {"a"}),
        (
            "def f():\n    import lazy\ntry:\n    import one\nexcept ImportError:\n    import two",
            {"lazy", "one", "two"},
        ),
        ("%matplotlib inline\nimport a\n!pip install b\nx?\nif 1:\n    %timeit import c\nimport d", {"a", "d"}),
        ("%%time\nimport a", {"a"}),
        ("files = !ls\nimport a, b as c\nfrom d.e import f", {"a", "b", "d"}),
        (
            "import importlib\nimportlib.import_module('a.b'); __import__('c'); importlib.import_module(name)",
            {"a", "c"},
        ),
        ("print('no import here, this is text: import x')", set()),
        ("import gpurun_jupyter\nfrom gpurun_jupyter import report", set()),
        ("x = 1", set()),
        ("library(ggplot2) # import nothing", set()),
        ("import \0", set()),
    ],
)
def test_what_code_imports(code: str, names: set[str]) -> None:
    assert imported(code) == names


def test_modules_are_followed_wherever_they_lead(here: Path) -> None:
    write(here, model="import layers", layers__in__="from .conv import x", layers___conv="import tools.io, json")
    write(here, tools___io="import model", other="")
    (here / "layers" / "weights.bin").write_text("w")
    (here / "layers" / "__pycache__").mkdir()
    (here / "layers" / "__pycache__" / "x.pyc").write_text("")
    files = ["model.py", "layers/__init__.py", "layers/conv.py", "layers/weights.bin", "tools/io.py"]
    assert found("import model") == files
    shipment = local_modules("import model", [""])
    assert shipment is not None
    assert told(shipment) == "with model.py, layers/, tools/: 5 files (66 B)"


def test_what_is_installed_or_missing_is_not_shipped(here: Path) -> None:
    write(here, **{"lib___site-packages___torch": "", "json": ""})
    (here / "data").mkdir()
    (here / "data" / "x.csv").write_text("")
    path = ["", str(here / "lib" / "site-packages"), *sys.path]
    assert found("import torch, json, data, pytest, msgspec, nowhere, os.path", path) == []


def test_the_path_decides(here: Path) -> None:
    for folder in ("one", "two", "site-packages"):
        write(here / folder, **{folder.replace("-", "_"): "", "both": f"'{folder}'"})
    write(here / "one", mere___x="")
    write(here / "site-packages", mere="")
    one, two, installed = (str(here / name) for name in ("one", "two", "site-packages"))
    assert local_modules("import both", [two, one]).files[0].path == f"{two}/both.py"  # type: ignore[union-attr]
    assert found("import both", [installed, one]) == []
    assert found("import both", [one, installed]) == ["both.py"]
    assert found("import mere", [one, installed]) == []
    assert found("import mere", [one, two]) == ["mere/x.py"]
    assert found("import one", [one]) == ["one.py"]


def test_a_changed_module_is_read_again(here: Path) -> None:
    write(here, a="", b="")
    assert found("import a") == ["a.py"]
    write(here, a="import b")
    assert found("import a") == ["a.py", "b.py"]


def test_guards_hold_for_modules_too(here: Path) -> None:
    write(here, pkg__in__="")
    with (here / "pkg" / "big.bin").open("wb") as file:
        file.truncate(2 * 2**30)
    with pytest.raises(TooLarge, match=r"What the cell imports holds 2\.0 GB"):
        local_modules("import pkg", [""])
    (here / ".gpurunignore").write_text("*.bin\n")
    assert found("import pkg") == ["pkg/__init__.py"]
    (here / "pkg" / ".env").write_text("")
    with pytest.raises(SecretsFound):
        local_modules("import pkg", [""])


def test_a_module_that_cannot_be_read_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here, a="")

    def refuse(*_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(reading.os, "open", refuse)
    with pytest.raises(InvalidRequest, match=r"cannot be read"):
        local_modules("import a", [""])


def test_a_folder_that_cannot_be_read_is_no_package(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here, locked___a="")
    real = os.listdir

    def refuse(path: str) -> list[str]:
        if path.endswith("/locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "listdir", refuse)
    assert found("import locked") == []


_kinds = st.sampled_from(["module", "package", "folder", None])


@given(layout=st.tuples(_kinds, _kinds, _kinds), local=st.tuples(*[st.booleans()] * 3))
def test_it_agrees_with_python(
    tmp_path_factory: pytest.TempPathFactory, layout: tuple[str | None, ...], local: tuple[bool, ...]
) -> None:
    root = tmp_path_factory.mktemp("path")
    path = []
    for number, (kind, is_local) in enumerate(zip(layout, local, strict=True)):
        folder = root / str(number) / ("src" if is_local else "site-packages")
        path.append(str(folder))
        folder.mkdir(parents=True)
        if kind:
            write(folder, **{{"module": "m", "package": "m__in__", "folder": "m___x"}[kind]: ""})
    spec = importlib.machinery.PathFinder.find_spec("m", path)
    shipment = local_modules("import m", path)
    if spec is None:
        assert shipment is None
    elif spec.origin is not None:
        where = path.index(next(folder for folder in path if spec.origin.startswith(f"{folder}/")))
        assert (shipment is not None) == local[where]
        assert shipment is None or spec.origin in [file.path for file in shipment.files]
    else:
        assert (shipment is not None) == any(kind and one for kind, one in zip(layout, local, strict=True))


@given(st.text())
def test_whatever_is_written_is_no_trouble(text: str) -> None:
    assert "" not in imported(f"import {text}")
