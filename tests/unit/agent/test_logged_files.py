"""Loggers' files of a workspace that grows: what is told of them while a run goes on, and at its end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import logged_files as recorded
import pytest

from gpurun_jupyter.agent.runner import in_thread, logged_files
from gpurun_jupyter.agent.runner.logged_files import LoggedFiles
from gpurun_jupyter.core.events import Event, Metric, Output, Parameters


def follow(work: Path, *acts: Callable[[], object], wait_s: float = 0.0) -> list[Event]:
    """What is told while these are done one after the other."""
    told: list[Event] = []

    async def run() -> None:
        async with LoggedFiles(work, told.append).followed():
            for act in acts:
                act()
                await asyncio.sleep(wait_s)

    asyncio.run(run())
    return told


def metrics(told: list[Event]) -> dict[str, list]:
    found: dict[str, list] = {}
    for event in told:
        if isinstance(event, Metric):
            for name, value in event.values.items():
                found.setdefault(name, []).append((event.step, value))
    return found


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpurun_jupyter.progress.thinning.A_SECOND", 10**6)


@pytest.mark.parametrize("name", ["tensorboard_torch", "wandb_offline", "lightning_csv", "ultralytics"])
def test_a_recording_that_comes_into_the_workspace_is_told(name: str, tmp_path: Path) -> None:
    told = follow(tmp_path, lambda: shutil.copytree(recorded.LOGGED / name, tmp_path / "logs"))
    want = recorded.wanted(name)
    found = metrics(told)
    assert {key: [list(point) for point in found[key]] for key in want["metrics"]} == {
        key: [[step, pytest.approx(value)] for step, value in points] for key, points in want["metrics"].items()
    }
    params = {key: value for event in told if isinstance(event, Parameters) for key, value in event.values.items()}
    assert want["params"].items() <= params.items()


def test_the_runs_of_trackio_are_told_apart(tmp_path: Path) -> None:
    told = follow(tmp_path, lambda: shutil.copytree(recorded.LOGGED / "trackio_jsonl", tmp_path / "logs"))
    found, want = metrics(told), recorded.wanted("trackio_jsonl")["metrics"]
    assert [list(point) for point in found["loss"]] in (want["first/loss"], want["second/loss"])
    assert len([name for name in found if name.endswith("/loss")]) == 1


def test_what_grows_is_told_while_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_thread, "FIRST_S", 0.01)
    monkeypatch.setattr(logged_files, "EVERY_S", 0.02)
    log = tmp_path / "log.csv"

    def add(text: str) -> Callable[[], object]:
        def act() -> None:
            with log.open("a") as file:
                file.write(text)

        return act

    told = follow(tmp_path, add("epoch,loss\n0,1.5\n"), add("1,1.0\n2,"), add("0.5\n3,0.25"), wait_s=0.2)
    assert metrics(told) == {"loss": [(0, 1.5), (1, 1.0), (2, 0.5), (3, 0.25)]}


def test_what_was_there_before_is_not_the_runs(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("epoch,loss\n0,1.5\n")
    (tmp_path / "data.csv").write_text("epoch,loss\n0,1.5\n")

    def add() -> None:
        with log.open("a") as file:
            file.write("1,1.0\n")

    assert metrics(follow(tmp_path, add)) == {"loss": [(1, 1.0)]}


def test_a_table_that_is_written_anew_each_time_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_thread, "FIRST_S", 0.01)
    monkeypatch.setattr(logged_files, "EVERY_S", 0.02)
    log = tmp_path / "metrics.csv"
    first = lambda: log.write_text("step,loss\n0,1.5\n1,1.0\n")  # noqa: E731
    wider = lambda: log.write_text("acc,step,loss\n,0,1.5\n,1,1.0\n0.5,1,\n")  # noqa: E731
    assert metrics(follow(tmp_path, first, wider, wait_s=0.2)) == {"loss": [(0, 1.5), (1, 1.0)], "acc": [(1, 0.5)]}


def test_two_folders_of_one_logger_are_told_apart(tmp_path: Path) -> None:
    told = follow(tmp_path, lambda: shutil.copytree(recorded.LOGGED / "tensorboard_keras", tmp_path / "logs"))
    names = metrics(told).keys()
    assert any(name.startswith(("validation/", "train/")) for name in names)
    assert any("/" not in name for name in names)


def test_what_comes_too_quickly_is_thinned_and_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpurun_jupyter.progress.thinning.A_SECOND", 20)
    rows = "".join(f"{step},{step}\n" for step in range(5000))
    told = follow(tmp_path, lambda: (tmp_path / "log.csv").write_text("step,loss\n" + rows))
    points = metrics(told)["loss"]
    assert len(points) < 100
    assert points[-1] == (4999, 4999)
    assert len([event for event in told if isinstance(event, Output)]) == 1


def test_damaged_files_and_ten_thousand_others_harm_nothing(tmp_path: Path) -> None:
    def make() -> None:
        (tmp_path / "events.out.tfevents.1").write_bytes(b"\xff" * 1000)
        (tmp_path / "run.wandb").write_bytes(b":W&B" + b"\x00" * 100)
        (tmp_path / "trainer_state.json").write_text('{"log_history": [[]]}')
        (tmp_path / "hparams.yaml").write_text("- : [")
        for number in range(1000):
            (tmp_path / f"{number}.txt").write_text("x")
        (tmp_path / "log.csv").write_text("epoch,loss\n0,1.5\n")

    assert metrics(follow(tmp_path, make)) == {"loss": [(0, 1.5)]}
