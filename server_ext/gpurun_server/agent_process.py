"""The local agent as the server sees it: a detached process that must be there while there is a server."""

from __future__ import annotations

import os
import subprocess
import sys

from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.processes import read_identity

#: What tells a child of this server that it is one; the agent outlives the server.
_SERVERS_OWN = ("JPY_", "JUPYTERHUB_", "JUPYTER_TOKEN")


class AgentProcess:
    """Starts the local agent of a state directory where none runs."""

    def __init__(self, home: Home, database_url: str, *, cpu_slots: int, spares: int, session_idle_s: float) -> None:
        self._home = home
        self._command = [sys.executable, "-m", "gpurun_server", "agent", str(home.path)]
        self._command += ["--database", database_url, "--cpu-slots", str(cpu_slots)]
        self._command += ["--spares", str(spares), "--session-idle", str(session_idle_s)]
        self._child: subprocess.Popen[bytes] | None = None

    def ensure(self) -> None:
        """Start the agent unless one is alive or on its way; an agent that finds another at work leaves by itself."""
        on_its_way = self._child is not None and self._child.poll() is None
        identity = read_identity(self._home.agent_record)
        if not on_its_way and not (identity and identity.alive()):
            self._child = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        env = {key: value for key, value in os.environ.items() if not key.startswith(_SERVERS_OWN)}
        with self._home.agent_log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=self._home.path,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
