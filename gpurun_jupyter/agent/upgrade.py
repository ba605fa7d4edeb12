"""Whether the gpurun that this process was started from still is the one that is installed."""

from __future__ import annotations

import time
from importlib import metadata

from gpurun_jupyter.agent.run_environment import environment_state

_DISTRIBUTION = "gpurun-jupyter"
#: An installation takes a while: what is found has to stay as it is for so long, seconds.
SETTLE_S = 2.0


def installed() -> tuple[str, str] | None:
    """What is installed: its version, and its list of files with a digest of each; None where there is nothing."""
    try:
        found = metadata.distribution(_DISTRIBUTION)
        return found.version, found.read_text("RECORD") or ""
    except metadata.PackageNotFoundError:
        return None


class Upgrade:
    """Looks whether another gpurun has been installed since this was made. Asking costs next to nothing."""

    def __init__(self) -> None:
        self._begun_from = self._found = installed()
        self._environment = environment_state()
        self._since = time.monotonic()

    def done(self) -> bool:
        """Whether another one is installed, and whole. An installation in place changes with its version alone."""
        if (state := environment_state()) != self._environment:
            self._environment, self._found, self._since = state, installed(), time.monotonic()
        changed = self._found not in (None, self._begun_from)  # None: the old one is removed, the new one not there yet
        return changed and time.monotonic() - self._since >= SETTLE_S
