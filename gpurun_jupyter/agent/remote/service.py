"""The agent of a joined server as a service of this user."""

from __future__ import annotations

import sys
from pathlib import Path

from gpurun_jupyter.agent.remote.membership import read
from gpurun_jupyter.agent.remote.process import command
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.user_services import Service


def not_let_in(system: str = sys.platform) -> int:
    """The exit code of an agent whose key is revoked: to start it again is no use.

    EX_NOPERM of sysexits.h, but for launchd, which starts again whatever does not end with 0.
    """
    return 0 if system == "darwin" else 77


def service_of(folder: Path) -> Service:
    """The service of this state directory."""
    return Service(
        name=f"gpurun-agent-{folder.name}",
        description=f"gpurun agent for {read(folder).url}",
        command=command(folder),
        log=Home(folder).agent_log,
        final_code=not_let_in(),
    )
