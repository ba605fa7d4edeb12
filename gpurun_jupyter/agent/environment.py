"""The environment that a run finds: its devices, its names, `report`, and nothing of the agent's own."""

from __future__ import annotations

import os
from pathlib import Path

import gpurun_jupyter
from gpurun_jupyter.agent.processes import ATTEMPT_VARIABLE
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder

#: What belongs to the Jupyter server that happened to start the agent.
_NOT_PASSED_ON = ("JPY_", "JUPYTER_TOKEN", "JUPYTERHUB_", "GPURUN_")


def run_environment(folder: AttemptFolder, grant: Grant) -> dict[str, str]:
    """The variables of every process of an attempt; what the run's own spec names comes last and wins."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_PASSED_ON)}
    gpus = [device.id for device in grant.devices if device.kind != "cpu"]
    python_path = [str(report_path(folder)), env.get("PYTHONPATH", "")]
    return env | {
        "CUDA_VISIBLE_DEVICES": ",".join(gpus),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "GPURUN_RUN_ID": grant.run_id,
        "GPURUN_RUN_NAME": grant.name,
        "GPURUN_OUTPUT_DIR": str(folder.work),
        "GPURUN_CHECKPOINT_DIR": str(folder.checkpoints),
        "GPURUN_REPORT": str(folder.report),
        "PYTHONPATH": os.pathsep.join(filter(None, python_path)),
        **grant.spec.env,
        ATTEMPT_VARIABLE: grant.key,
    }


def report_path(folder: AttemptFolder) -> Path:
    """A folder for PYTHONPATH that holds only `gpurun_jupyter/__init__.py` and `report`, made where it is missing.

    An environment that has not installed gpurun imports `report` through it; one that has finds everything else as
    before, because the package's path is extended by what lies elsewhere.
    """
    package = folder.path / ".report" / "gpurun_jupyter"
    package.mkdir(parents=True, exist_ok=True)
    for name in ("__init__.py", "report"):
        link = package / name
        if not link.is_symlink():
            link.symlink_to(Path(gpurun_jupyter.__file__).with_name(name))
    return package.parent
