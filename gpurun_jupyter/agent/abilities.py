"""What runs may ask of this machine beside devices, as labels: kernelspecs, frameworks, and what somebody gave it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

from jupyter_core.paths import jupyter_path

_FRAMEWORKS = (
    *("torch", "tensorflow", "jax", "keras", "lightning", "sklearn", "transformers", "ultralytics"),
    *("xgboost", "lightgbm", "paddle", "mxnet"),
)
#: Jupyter shows the interpreter's own kernel by this name wherever ipykernel is installed.
_OWN_KERNEL, _OWN_PACKAGE = "python3", "ipykernel"
_GOOD_FOR_S = 1.0


class Abilities:
    """The labels as they are now: what is installed while the agent is at work is found. `given`: somebody's words."""

    def __init__(self, given: Callable[[], Iterable[str]] = tuple) -> None:
        self._given = given
        self._labels: list[str] = []
        self._looked_at: float | None = None

    def __call__(self) -> list[str]:
        """`a100`, `framework:torch`, `kernel:ir`, ...; looked up at most once a second, in less than a millisecond."""
        now = time.monotonic()
        if self._looked_at is None or now - self._looked_at >= _GOOD_FOR_S:
            self._labels = list(dict.fromkeys([*self._given(), *_frameworks(), *_kernels()]))
            self._looked_at = now
        return self._labels


def _frameworks() -> list[str]:
    return [f"framework:{name}" for name in _FRAMEWORKS if _is_installed(name)]


def _kernels() -> list[str]:
    return [f"kernel:{name}" for name in sorted(kernel_names())]


def kernel_names() -> set[str]:
    """The kernelspecs that Jupyter finds here. Its own way to list them imports more than all the rest of the agent."""
    ipython = Path(os.environ.get("IPYTHONDIR", Path.home() / ".ipython"))
    # where IPython 3 had them: Jupyter looks there still
    folders = [*map(Path, jupyter_path("kernels")), ipython / "kernels"]
    # to Jupyter a kernel's name is that of its folder in lower case
    found = {record.parent.name.lower() for folder in folders for record in folder.glob("*/kernel.json")}
    return found | ({_OWN_KERNEL} if _is_installed(_OWN_PACKAGE) else set())


def _is_installed(package: str) -> bool:
    try:
        found = find_spec(package)
    except (ImportError, ValueError):  # ValueError: it is imported already, and has no spec
        return False
    return found is not None and found.origin is not None  # a folder of that name is no package
