"""Environments for programs of others, beside the one in which the tests run; made by uv where they are not there yet.

`python tests/foreign/environments.py trainings` prints where one is. They are kept in .cache/environments, or in the
folder that GPURUN_TEST_ENVIRONMENTS names; where one of them is to have newer packages, remove it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

#: JupyterLab as old as pyproject.toml allows, and one between it and the newest, each with its Notebook 7.
LABS = {"4.2": ("jupyterlab==4.2.0", "notebook==7.2.0"), "4.4": ("jupyterlab~=4.4.0", "notebook~=7.4.0")}

#: What else runs in an environment of its own; in none of these is gpurun.
PROGRAMS = {
    "fastai": ("torch==2.13.0", "fastai==2.8.12"),
    "flower": ("torch==2.13.0", "flwr==1.42.0", "scikit-learn==1.9.1"),
    "printing": ("-r", str(HERE / "recordings" / "printing" / "requirements.txt")),
    "spacy": ("spacy==3.8.18",),
    "tracking": ("-r", str(HERE / "recordings" / "loggers" / "requirements.txt")),
    "trainings": ("-r", str(HERE / "trainings" / "requirements.txt")),
    "ultralytics": ("torch==2.14.1", "torchvision==0.29.1", "ultralytics==8.4.*"),
}

_UV = [sys.executable, "-m", "uv"]


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    command = [sys.executable, "-m", "build", "--wheel", "--installer=uv", f"--outdir={folder}", str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return next(folder.glob("*.whl"))


def programs_with_lab(version: str, wheel: Path) -> Path:
    """The folder of programs of an environment with the wheel and this version of JupyterLab."""
    return install(_folder(f"lab-{version}"), str(wheel), "--reinstall-package=gpurun-jupyter", *LABS[version])


def programs(name: str) -> Path:
    """The folder of programs of one of PROGRAMS."""
    return install(_folder(name), *PROGRAMS[name])


def install(folder: Path, *what: str) -> Path:
    """Make the environment if it is not there, and have `what` in it; returns its folder of programs."""
    if not folder.exists():
        subprocess.run([*_UV, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    command = [*_UV, "pip", "install", "--quiet", f"--python={folder / 'bin' / 'python'}", *what]
    subprocess.run(command, check=True, timeout=900)
    return folder / "bin"


def _folder(name: str) -> Path:
    return Path(os.environ.get("GPURUN_TEST_ENVIRONMENTS", ROOT / ".cache" / "environments")) / name


if __name__ == "__main__":
    print(programs(sys.argv[1]))
