from __future__ import annotations

import json
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from gpurun_jupyter.agent.abilities import Abilities, kernel_names
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.labels import asked, checked


def _install(folder: Path, name: str) -> None:
    (folder / "kernels" / name).mkdir(parents=True)
    record = {"argv": ["x", "{connection_file}"], "display_name": name, "language": "r"}
    (folder / "kernels" / name / "kernel.json").write_text(json.dumps(record))


def test_the_kernels_are_those_that_jupyter_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "path"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for place, name in (("data", "IR"), ("path", "julia-1.9"), ("ipython", "old")):
        _install(tmp_path / place, name)
    (tmp_path / "data" / "kernels" / "broken").mkdir()
    assert kernel_names() == set(KernelSpecManager().find_kernel_specs())
    assert {"ir", "julia-1.9", "old", "python3"} <= kernel_names()


def test_what_is_installed_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    given, now = ["a100"], [0.0]
    monkeypatch.setattr("gpurun_jupyter.agent.abilities.time.monotonic", lambda: now[0])
    abilities = Abilities(lambda: given)
    assert "kernel:ir" not in abilities()
    _install(tmp_path, "ir")
    given.append("model:llama")
    assert "kernel:ir" not in abilities()
    now[0] = 2.0
    assert {"a100", "model:llama", "kernel:ir", "framework:sklearn"} <= set(abilities())


def test_what_is_asked_for() -> None:
    assert asked(None, None) == ()
    assert asked(" a100, framework:torch,a100,", "IR") == ("a100", "framework:torch", "kernel:ir")
    assert checked(["a", " a ", "model:org/llama 3"]) == ["a", "model:org/llama 3"]
    for bad in ("a,b", "", "a\nb", "x" * 300):
        with pytest.raises(InvalidRequest):
            checked([bad])
