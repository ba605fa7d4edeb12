"""`make demo`'s program: the first notebook against a real server, with the accuracy read back over HTTP."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from servers import isolated_environment, wait_until

from gpurun_jupyter.agent.processes.marked import of_attempt

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = "01-first-run.ipynb"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns(".ipynb_checkpoints")))


def start(examples: Path) -> subprocess.Popen[str]:
    env = isolated_environment(examples.parent / "isolated")
    del env["GPURUN_HOME"]
    command = [sys.executable, "demo.py"]
    return subprocess.Popen(command, cwd=examples, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def accuracy(output: str) -> float:
    return float(re.findall(r"^accuracy (0\.\d+)$", output, re.MULTILINE)[-1])


def test_another_split_seed_gives_another_accuracy(examples: Path) -> None:
    first = start(examples)
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    assert accuracy(output) > 0.9
    assert re.search(r"digits-sgd +succeeded", output)

    notebook = examples / NOTEBOOK
    notebook.write_text(notebook.read_text().replace("SPLIT_SEED = 0 ", "SPLIT_SEED = 1 "))
    second = start(examples)
    changed, _ = second.communicate(timeout=120)
    assert second.returncode == 0, changed
    assert accuracy(changed) != accuracy(output)


def test_a_killed_kernel_fails_the_demo(examples: Path) -> None:
    demo = start(examples)
    for process in of_attempt(wait_until(lambda: attempt_midway(examples, "hello"), 60)):
        process.kill()
    output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 1, output
    assert "The kernel died" in output
    assert "The demo failed" in output


def attempt_midway(examples: Path, name: str) -> str | None:
    """The attempt of the run with this name, once it shows progress."""
    for record in (examples.parent / ".demo" / "home" / "runs").glob("*/run.json"):
        events = record.parent / "attempts" / "1" / "events.jsonl"
        if json.loads(record.read_text())["name"] == name and events.exists() and "progress" in events.read_text():
            return f"{record.parent.name}/1"
    return None
