from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpurun_jupyter.cli.verbs import doctor
from gpurun_jupyter.core.devices import Agent, Device


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GPURUN_LOCKS", str(tmp_path / "locks"))
    return tmp_path / "locks"


def test_the_directory_of_locks_is_looked_at_once_there_is_one(folder: Path) -> None:
    assert list(doctor._locks()) == []
    folder.mkdir(mode=0o1777)
    (found,) = doctor._locks()
    assert (found.verdict, found.remedy) == ("fine", "")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to make a directory of somebody else")
def test_an_administrator_is_told_how_to_take_it_over(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    (found,) = doctor._locks()
    assert found.verdict == "note"
    assert found.says.startswith(f"{folder} belongs to nobody, who can remove locks of others.")
    assert f"sudo install -d -m 1777 -o root -g root {folder} " in found.remedy


def test_devices_that_are_held_by_what_is_not_in_the_queue_are_named() -> None:
    by = "pid 4312 (anna, flock), which is not gpurun"
    held = Device("GPU-1", "gpu", 0, locked=True, locked_by=by)
    ours = Device("GPU-2", "gpu", 1, locked=True, locked_by=by, run_owner="anna")
    agent = Agent("lab", "lab", "1", "healthy", 0.0, [held, ours, Device("cpu0", "cpu", 0)])
    (found,) = doctor._locked(agent)
    assert found.says == f"lab: gpu0 is held by {by}."
