"""Real trainings, in a cell and as a script: the same bars and metrics both ways.

They need libraries that no other test does, and so an environment of their own (environments.py).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from foreign.environments import programs
from servers import TOKEN, JupyterServer

from gpurun_jupyter import Client, Run
from gpurun_jupyter.views.tail import plain

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

TESTS = Path(__file__).parents[1]
TRAININGS = TESTS / "foreign" / "trainings"
ENV = {"KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
LIBRARIES = sorted(path.stem for path in TRAININGS.glob("*.py"))


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of an environment with the libraries."""
    return programs("trainings") / "python"


@pytest.fixture(scope="module")
def client(server: JupyterServer, python: Path) -> Iterator[Client]:
    folder = server.folder / "data" / "kernels" / "trainings"
    folder.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Trainings", "language": "python"}))
    with Client(server.url, TOKEN) as connected:
        yield connected


class Learnt(NamedTuple):
    """What gpurun learnt of a training: bars without their places, metrics, and the log."""

    bars: set[tuple[str, float, float | None]]
    metrics: dict[str, dict[str, Any]]
    log: str


def learnt(run: Run) -> Learnt:
    run.wait()
    assert run.failure() is None, run.logs()
    progress = run.record.progress
    assert progress is not None
    return Learnt({(bar.label, bar.done, bar.total) for bar in progress.bars}, run.metrics(), plain(run.logs()))


@pytest.fixture(scope="module", params=LIBRARIES)
def both(request: pytest.FixtureRequest, client: Client) -> tuple[str, Learnt, Learnt]:
    """The name of a training, and what was learnt of it in a cell and as a script."""
    script = TRAININGS / f"{request.param}.py"
    cell = client.submit(script.read_text(), kernel="trainings", env=ENV)
    other = client.submit_dir(script, kernel="trainings", env=ENV)
    return request.param, learnt(cell), learnt(other)


def test_the_same_bars(both: tuple[str, Learnt, Learnt]) -> None:
    name, cell, script = both
    shown = {
        "hf_trainer": ({("", 24, 24), ("", 8, 8)},) * 2,
        "keras_bar": ({("epochs", 3, 3), ("", 32, 32)},) * 2,
        "keras_lines": ({("epochs", 3, 3), ("", 32, 32)},) * 2,
        "lightning_rich": ({("epochs", 3, 3), ("Epoch 2/2", 8, 8), ("Validation", 8, 8)},) * 2,
        "lightning_tqdm": ({("epochs", 3, None), ("Epoch 2", 8, 8), ("Validation DataLoader 0", 8, 8)},) * 2,
        # In a notebook its bars have no names.
        "fastprogress_master": ({("", 3, 3), ("", 5, 5)}, {("epochs", 3, 3), ("Epoch 3/3", 5, 5)}),
    }[name]
    # Lightning's two steps before the training may be over before a bar is drawn.
    trained = [{bar for bar in found.bars if not bar[0].startswith("Sanity")} for found in (cell, script)]
    assert trained == [*shown]


def test_the_same_metrics(both: tuple[str, Learnt, Learnt]) -> None:
    name, cell, script = both
    if name == "hf_trainer":  # a notebook's table has only these, with more digits
        for metric in ("loss", "eval_loss"):
            assert cell.metrics[metric]["value"] == pytest.approx(script.metrics[metric]["value"], rel=1e-3)
            assert cell.metrics[metric]["epoch"] == script.metrics[metric]["epoch"] == [1, 2, 3]
        return
    assert cell.metrics.keys() == script.metrics.keys() != set()
    # How often a bar is drawn is a matter of time; what is drawn at an epoch's end is not.
    last = [
        {key: (found["last"], (found["step"] or [None])[-1]) for key, found in one.metrics.items()} for one in both[1:]
    ]
    assert last[0] == last[1]


def test_the_log_is_short_and_in_order(both: tuple[str, Learnt, Learnt]) -> None:
    name, cell, script = both
    for found in (cell, script):
        lines = found.log.splitlines()
        assert lines[-1] == "trained"
        assert len(lines) <= 10, found.log
        assert not any(word in found.log for word in ("<IPython", "Output()", "<progress", "\r"))
    if name.startswith("lightning"):
        assert begins(cell.log) == begins(script.log)


def begins(log: str) -> list[str]:
    """What stands before the bars; a line that goes on in the next is one, for its numbers may be longer or shorter."""
    lines = [line for line in log.splitlines() if not line.startswith(" ")]
    return [line.split("|")[0].split("━")[0].strip() for line in lines]


def test_tensors_travel_as_variables(python: Path, tmp_path: Path) -> None:
    """The tests of values that need torch, with the Python that has it."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    env["PYTHONPATH"] = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    options = ["-q", "--noconftest", "-c", os.devnull, "--rootdir", tmp_path, "-p", "no:cacheprovider"]
    command = [python, "-m", "pytest", *options, TESTS / "unit" / "values" / "test_tensors.py"]
    said = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
    assert "3 passed" in said.stdout
