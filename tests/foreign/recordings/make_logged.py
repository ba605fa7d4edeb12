"""Makes again the files of loggers in logged/: `python make_logged.py [NAME...]`, a NAME of loggers/.

Any Python will do: each runs in the environment `tracking`, in a folder of its own; what it leaves beside
NAME.want.json is taken: a file, a folder or NAME.tar.xz.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import environments  # noqa: E402

ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OMP_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
    "RECORDING_TRUTH": "truth.json",
    "USER": "anna",
    "LOGNAME": "anna",
    "WANDB_ERROR_REPORTING": "false",
}


def main() -> None:
    """Run the named scripts of loggers/, or all."""
    python = environments.programs("tracking") / "python"
    for name in sys.argv[1:] or sorted(path.stem for path in (HERE / "loggers").glob("[a-z]*.py")):
        with tempfile.TemporaryDirectory() as folder:
            for scripts in ("printing", "loggers"):
                shutil.copytree(HERE / scripts, folder, dirs_exist_ok=True)
            command, env = [python, f"{name}.py"], os.environ | ENVIRONMENT
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise SystemExit(f"{name} failed:\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
            for want in sorted(Path(folder).glob("*.want.json")):
                print(f"{want.name}: {take(want)} bytes")


def take(want: Path) -> int:
    """Copy what a file of wishes stands beside; how large that is."""
    name = want.name.removesuffix(".want.json")
    shutil.copy(want, HERE / "logged" / want.name)
    made = want.parent / name if (want.parent / name).exists() else want.parent / f"{name}{found(want.parent, name)}"
    target = HERE / "logged" / made.name
    if made.is_file():
        shutil.copy(made, target)
        return made.stat().st_size
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(made, target)
    events = sorted(path for path in target.rglob("*tfevents*"))
    for number, path in enumerate(events):  # their own names hold the machine's
        path.rename(path.parent / f"events.out.tfevents.176448960{number}.anna.1.{number}")
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def found(folder: Path, name: str) -> str:
    """What follows the name of an archive."""
    return ".tar.xz" if (folder / f"{name}.tar.xz").exists() else ".json"


if __name__ == "__main__":
    main()
