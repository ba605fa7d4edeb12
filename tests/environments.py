"""Environments beside the one in which the tests run, with the wheel in them, made by uv where they are not there yet.

`python tests/environments.py 4.2` prints where one is. They are kept in .cache/environments, or in the folder that
GPURUN_TEST_ENVIRONMENTS names; where one of them is to have newer packages, remove it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: JupyterLab as old as pyproject.toml allows, and one between it and the newest, each with its Notebook 7.
LABS = {"4.2": ("jupyterlab==4.2.0", "notebook==7.2.0"), "4.4": ("jupyterlab~=4.4.0", "notebook~=7.4.0")}

_UV = [sys.executable, "-m", "uv"]


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    command = [sys.executable, "-m", "build", "--wheel", "--installer=uv", f"--outdir={folder}", str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return next(folder.glob("*.whl"))


def programs_with_lab(version: str, wheel: Path) -> Path:
    """The folder of programs of an environment with this version of JupyterLab."""
    folder = Path(os.environ.get("GPURUN_TEST_ENVIRONMENTS", ROOT / ".cache" / "environments")) / f"lab-{version}"
    return install(folder, str(wheel), "--reinstall-package=gpurun-jupyter", *LABS[version])


def install(folder: Path, *what: str) -> Path:
    """Make the environment if it is not there, and have `what` in it; returns its folder of programs."""
    if not folder.exists():
        subprocess.run([*_UV, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    command = [*_UV, "pip", "install", "--quiet", f"--python={folder / 'bin' / 'python'}", *what]
    subprocess.run(command, check=True, timeout=900)
    return folder / "bin"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as built:
        print(programs_with_lab(sys.argv[1], build_wheel(Path(built))))
