"""Records again what the trainings in printing/ print: `python make_prints.py [NAME...]`.

Any Python will do: each runs in the environment that `ENVIRONMENTS` names, into a pipe, as its user would run it in a
folder of a project. prints/NAME.txt is what was written, prints/NAME.want.json what the training itself knew.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import environments  # noqa: E402

#: Where a training needs another environment than `printing`.
ENVIRONMENTS = {
    "fastai_tabular": "fastai",
    "flower": "flower",
    "hf_trainer_mlflow": "tracking",
    "spacy_train": "spacy",
}
PROJECT = "/home/anna/project"
LARGEST = 20_000


def main() -> None:
    """Record the named trainings, or all."""
    for name in sys.argv[1:] or sorted(path.stem for path in (HERE / "printing").glob("[a-z]*.py")):
        programs = environments.programs(ENVIRONMENTS.get(name, "printing"))
        with tempfile.TemporaryDirectory() as folder:
            said, truth = run(programs / "python", HERE / "printing" / f"{name}.py", Path(folder))
        (HERE / "prints" / f"{name}.txt").write_bytes(said)
        (HERE / "prints" / f"{name}.want.json").write_bytes(truth)
        print(f"{name}: {len(said)} bytes" + (", TOO LARGE" if len(said) > LARGEST else ""))


def run(python: Path, script: Path, folder: Path) -> tuple[bytes, bytes]:
    """What the script wrote to both streams, in order, and the truth that it left."""
    truth, project = folder / "truth.json", folder / "project"
    shutil.copytree(script.parent, project)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | {
        "RECORDING_TRUTH": str(truth),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "KERAS_BACKEND": "torch",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "VIRTUAL_ENV": str(python.parents[1]),
        "PATH": f"{python.parent}:/usr/bin:/bin",
    }
    done = subprocess.run(
        [python, script.name],
        cwd=project,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=180,
    )
    said = done.stdout
    hidden = {project: PROJECT, python.parents[1]: f"{PROJECT}/.venv", folder: "/tmp", platform.platform(): "Linux"}
    for place, called in hidden.items():
        said = said.replace(str(place).encode(), called.encode())
    said = re.sub(rb"https://[^/ ]+/project/", b"https://example.org/", said)
    if done.returncode:
        print(said.decode(errors="replace")[-4000:])
        raise SystemExit(f"{script.name} failed")
    return said, truth.read_bytes()


if __name__ == "__main__":
    main()
