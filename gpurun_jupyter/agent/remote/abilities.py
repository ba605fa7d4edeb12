"""What runs may ask of this machine beside devices, as labels: its kernelspecs, the frameworks of its environment."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from typing import Any

import msgspec

from gpurun_jupyter.core.home import Home, write_json

_FRAMEWORKS = {
    "torch": "torch",
    "tensorflow": "tensorflow",
    "jax": "jax",
    "keras": "keras",
    "lightning": "lightning",
    "scikit-learn": "sklearn",
    "transformers": "transformers",
    "ultralytics": "ultralytics",
    "xgboost": "xgboost",
}
_PATIENCE_S = 30.0
_KEPT_IN = "abilities.json"


def known_abilities(home: Home) -> list[str]:
    """Those that were found last, in no time; none before the first look."""
    try:
        return msgspec.json.decode((home.path / _KEPT_IN).read_bytes(), type=list[str])
    except (FileNotFoundError, msgspec.DecodeError):
        return []


def abilities(home: Home) -> list[str]:
    """`framework:torch`, `kernel:ir`, ... as they are now, kept for the next start. Takes half a second."""
    found = [*_frameworks(), *_kernels()]
    write_json(home.path / _KEPT_IN, found)
    return found


def _frameworks() -> list[str]:
    return [f"framework:{name}" for distribution, name in _FRAMEWORKS.items() if _is_installed(distribution)]


def _kernels() -> list[str]:
    """Asked in a process of its own: the agent has no other use for what that imports."""
    command = [sys.executable, "-m", "jupyter_client.kernelspecapp", "list", "--json"]
    try:
        listed = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=True).stdout
        found = msgspec.json.decode(listed, type=dict[str, dict[str, Any]])["kernelspecs"]
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError, KeyError):
        return []
    return [f"kernel:{name}" for name in sorted(found)]


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
