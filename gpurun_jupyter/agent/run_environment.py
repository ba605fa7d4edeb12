"""The environment that a run finds: its devices, its names, `report`, and nothing of the agent's own."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import locale
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import gpurun_jupyter
from gpurun_jupyter.agent.loggers_environment import loggers_environment
from gpurun_jupyter.agent.processes.marked import ATTEMPT_VARIABLE, REPORT_VARIABLE, SESSION_VARIABLE
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.launch.grid import environment

#: What belongs to the Jupyter server that happened to start the agent.
_NOT_PASSED_ON = ("JPY_", "JUPYTER_TOKEN", "JUPYTERHUB_", "GPURUN_")

#: Nobody sits before a run: what would wait for a key to be pressed shows everything at once.
_NO_PAGERS = dict.fromkeys(("PAGER", "GIT_PAGER", "MANPAGER", "SYSTEMD_PAGER"), "cat") | {"GIT_TERMINAL_PROMPT": "0"}

_PRINTS = "PYTHONIOENCODING"

NO_SECRETS: Mapping[str, str] = MappingProxyType({})

#: What an environment without gpurun finds of it.
_FOR_RUNS = ("__init__.py", "in_kernel", "report", "values")

#: What a process reads only when it starts: a run that sets one of these gets processes of its own.
_READ_AT_START = (
    *("PYTHON", "LD_", "GLIBC_", "MALLOC_", "LC_", "LANG", "TZ", "HOME", "TMP", "XDG_"),
    *("IPYTHON", "JUPYTER", "JPY_"),
)


def may_be_forked(grant: Grant) -> bool:
    """Whether a process that already runs can take on the run's variables."""
    names = (*environment(grant.spec), *grant.spec.secrets)
    return not any(name.startswith(_READ_AT_START) for name in names)


def environment_state() -> list[int]:
    """Changes when something is installed or removed: what was imported before is then not what is on the disk."""
    state = []
    for path in sys.path:
        with contextlib.suppress(OSError):
            if path.endswith("-packages"):  # site-packages, and Debian's dist-packages
                state.append(os.stat(path).st_mtime_ns)  # noqa: PTH116 - asked for each run
    return state


def run_environment(folder: AttemptFolder, grant: Grant, secrets: Mapping[str, str] = NO_SECRETS) -> dict[str, str]:
    """The variables of every process of an attempt; what the run's own spec names comes last and wins."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_PASSED_ON)}
    gpus = [device.id for device in grant.devices if device.kind != "cpu"]
    own = {**environment(grant.spec), **secrets}
    python_path = [str(report_path(folder.home)), env.get("PYTHONPATH", "")]
    return (
        env
        | _NO_PAGERS
        | _encoding(env)
        | {
            "CUDA_VISIBLE_DEVICES": ",".join(gpus),  # empty for a CPU slot: that hides all GPUs
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "GPURUN_RUN_ID": grant.run_id,
            "GPURUN_RUN_NAME": grant.name,
            "GPURUN_OUTPUT_DIR": str(folder.work),
            "GPURUN_CHECKPOINT_DIR": str(folder.checkpoints),
            "GPURUN_BLOBS": str(folder.home.blobs),
            "PYTHONPATH": os.pathsep.join(filter(None, python_path)),
            **_session_mark(folder, grant),
            **loggers_environment(env | own, folder.work),
            **own,
            ATTEMPT_VARIABLE: grant.key,  # after the run's own: its processes are found by these two
            REPORT_VARIABLE: str(folder.report),
        }
    )


def _encoding(env: Mapping[str, str]) -> dict[str, str]:
    """Logs are UTF-8: have Python print that, too, where this agent was started in a terminal that is not."""
    is_utf8 = codecs.lookup(locale.getpreferredencoding(False)).name == "utf-8"
    return {} if is_utf8 and _PRINTS not in env else {_PRINTS: "utf-8"}


def _session_mark(folder: AttemptFolder, grant: Grant) -> dict[str, str]:
    """What tells a session's processes from others; they outlive the attempt that started them."""
    if grant.session is None:
        return {}
    return {SESSION_VARIABLE: str(folder.home.session(grant.session.owner, grant.session.name).path)}


def report_path(home: Home) -> Path:
    """A folder for PYTHONPATH that holds of gpurun what a run may import, made if missing.

    An environment that has not installed gpurun imports these through it; one that has finds everything else as
    before, because the package's path is extended by what lies elsewhere.
    """
    ours = Path(gpurun_jupyter.__file__).parent
    marks = f"{os.fspath(ours)} {_FOR_RUNS}"  # agents of several installations, and of several versions
    folder = home.report / hashlib.sha256(os.fsencode(marks)).hexdigest()[:16]
    if not folder.exists():
        beside = folder.with_name(f".{folder.name}.{os.getpid()}")
        package = beside / "gpurun_jupyter"
        home.report.mkdir(mode=0o700, exist_ok=True)
        package.mkdir(parents=True)
        for name in _FOR_RUNS:
            (package / name).symlink_to(ours / name)
        with contextlib.suppress(OSError):  # another runner was quicker
            beside.rename(folder)
        shutil.rmtree(beside, ignore_errors=True)
    return folder
