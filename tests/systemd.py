"""What systemd says of a unit."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def check(unit: Path) -> None:
    """Assert that it accepts the unit of a user; where tests must not be skipped, `systemd-analyze` has to be there."""
    if shutil.which("systemd-analyze") is None and not os.environ.get("CI"):
        pytest.skip("there is no systemd-analyze")
    env = os.environ | {"XDG_RUNTIME_DIR": str(unit.parent)}
    command = ["systemd-analyze", "verify", "--user", str(unit)]
    verified = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
