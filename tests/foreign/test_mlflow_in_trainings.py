"""Trainings of others that log to MLflow, unchanged: what they log is their run's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from foreign.environments import programs
from servers import TOKEN, JupyterServer

from gpurun_jupyter import Client, Run

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

RECORDINGS = Path(__file__).parent / "recordings"


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[Client]:
    folder = server.folder / "data" / "kernels" / "tracking"
    folder.mkdir(parents=True)
    argv = [str(programs("tracking") / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Tracking", "language": "python"}))
    with Client(server.url, TOKEN) as connected:
        yield connected


def carried_out(client: Client, folder: Path, *files: Path) -> Run:
    for file in files:
        shutil.copy(file, folder)
    run = client.submit_dir(folder, files[0].name, kernel="tracking")
    run.wait()
    assert run.failure() is None, run.logs()
    return run.refresh()


def test_lightnings_logger(client: Client, tmp_path: Path) -> None:
    run = carried_out(client, tmp_path, RECORDINGS / "loggers" / "lightning_mlflow.py")
    assert run.record.meta["parameters"] == {"lr": "0.1"}
    assert run.record.meta["mlflow.experimentName"] == "line"
    measured = run.metrics()
    assert measured.keys() == {"train_loss", "val_loss", "epoch"}
    assert measured["val_loss"]["step"] == [15, 31, 47]


def test_hfs_trainer(client: Client, tmp_path: Path) -> None:
    printing = RECORDINGS / "printing"
    run = carried_out(
        client, tmp_path, *(printing / name for name in ("hf_trainer_mlflow.py", "_tiny_bert.py", "_small.py"))
    )
    assert len(run.record.meta["parameters"]) > 100
    measured = run.metrics()
    assert measured["eval_loss"]["step"] == [40, 80, 120]  # which what it prints does not tell
    assert measured["loss"]["value"][-1] == run.record.metrics["loss"].last
