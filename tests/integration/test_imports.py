"""What loggers left on the disk becomes runs that have finished: once each, with metrics, parameters and times."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from logged_files import LOGGED, wanted
from servers import BIN, TOKEN, JupyterServer, isolated_environment

from gpurun_jupyter import Client
from gpurun_jupyter.core.errors import InvalidRequest


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as made:
        yield made


def test_folders_of_event_files(client: Client, tmp_path: Path) -> None:
    project = tmp_path / "digits"
    shutil.copytree(LOGGED / "tensorboard_torch", project / "lr-0.1")
    shutil.copytree(LOGGED / "tensorboard_torch_hparams", project / "lr-0.2")
    found, left_out = client.import_folder(project, "tensorboard")
    assert left_out == []
    by_name = {run.name: run.refresh() for run in found}
    assert "lr-0.1" in by_name
    run = by_name["lr-0.1"]
    assert (run.record.project, run.record.kind, run.record.outcome.value) == ("digits", "files", "succeeded")
    want = wanted("tensorboard_torch")["metrics"]
    measured = run.metrics()
    for name, points in want.items():
        assert measured[name]["step"] == [step for step, _ in points]
        assert measured[name]["value"] == pytest.approx([value for _, value in points])
    assert run.record.started_at is not None
    assert any(run.record.spec.values for run in by_name.values() if run.record.spec)
    assert "lr-0.2-both_train" in by_name
    assert client.import_folder(project, "tensorboard") == ([], [])  # once


def test_offline_runs_of_wandb(client: Client, tmp_path: Path) -> None:
    shutil.copytree(LOGGED / "wandb_offline", tmp_path / "wandb")
    (run,), left_out = client.import_folder(tmp_path, "wandb")
    assert left_out == []
    want = wanted("wandb_offline")
    run.refresh()
    assert {name: summary.last for name, summary in run.record.metrics.items()} == {
        name: pytest.approx(points[-1][1]) for name, points in want["metrics"].items()
    }
    assert run.record.spec is not None
    assert run.record.spec.values == want["params"]


def test_one_that_has_grown_is_another(client: Client, tmp_path: Path) -> None:
    whole = next((LOGGED / "tensorboard_torch").rglob("*tfevents*"))
    events = tmp_path / "grows" / whole.name
    events.parent.mkdir()
    events.write_bytes(whole.read_bytes()[:600])
    (first,), _ = client.import_folder(events.parent, "tensorboard")
    events.write_bytes(whole.read_bytes())
    (second,), _ = client.import_folder(events.parent, "tensorboard")
    counts = [next(iter(run.metrics().values()))["count"] for run in (first, second)]
    assert counts[0] < counts[1]


def test_the_command_line_and_what_is_not_there(server: JupyterServer, tmp_path: Path) -> None:
    shutil.copytree(LOGGED / "tensorboard_lightning", tmp_path / "logs")

    def gpurun(*words: str) -> subprocess.CompletedProcess[str]:
        env = isolated_environment(tmp_path) | {"GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}
        return subprocess.run(
            [BIN / "gpurun", *words], env=env, capture_output=True, text=True, check=False, timeout=60
        )

    done = gpurun("import", "tensorboard", str(tmp_path / "logs"))
    assert done.returncode == 0, done.stderr
    assert "succeeded" in done.stdout
    assert "There was nothing new." in gpurun("import", "tensorboard", str(tmp_path / "logs")).stdout
    assert "no offline runs of W&B" in gpurun("import", "wandb", str(tmp_path)).stderr
    assert "'aim' is nothing that is imported" in gpurun("import", "aim", str(tmp_path)).stderr


def test_damaged_files_make_no_run_and_no_fault(client: Client, tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"\xff" * 500)
    assert client.import_folder(tmp_path, "tensorboard") == ([], [])
    with pytest.raises(InvalidRequest):
        client.import_folder(tmp_path / "nothing", "tensorboard")
