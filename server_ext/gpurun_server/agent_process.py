"""The local agent as the server sees it: a detached process that must be there while there is a server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

import msgspec
from packaging.version import Version

from gpurun_jupyter.core.home import Home, open_log
from gpurun_jupyter.core.system.locks import is_held
from gpurun_jupyter.core.system.processes import Identity
from gpurun_server import __version__
from gpurun_server.settings import DATABASE_VARIABLE

#: What tells a child of this server that it is one; the agent outlives the server.
_SERVERS_OWN = ("JPY_", "JUPYTERHUB_", "JUPYTER_TOKEN")


class AgentRecord(Identity, frozen=True):
    """What an agent writes down of itself."""

    version: str = "0"

    @classmethod
    def of_this_process(cls) -> AgentRecord:
        """That of the process that asks."""
        this = Identity.of(os.getpid())
        return cls(this.pid, this.created, this.boot, __version__)

    @property
    def older(self) -> bool:
        """Whether it is of an older gpurun than this process."""
        return Version(self.version) < Version(__version__)


class AgentProcess:
    """Starts the local agent of a state directory where none runs."""

    def __init__(
        self,
        home: Home,
        database_url: str,
        *,
        cpu_slots: int,
        spares: int,
        session_idle_s: float,
        labels: Sequence[str],
    ) -> None:
        self._home = home
        self._command = [sys.executable, "-m", "gpurun_server", "agent", str(home.path)]
        self._command += ["--cpu-slots", str(cpu_slots)]
        self._command += ["--spares", str(spares), "--session-idle", str(session_idle_s)]
        self._command += [word for label in labels for word in ("--label", label)]
        self._database_url = database_url
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    def ensure(self) -> None:
        """Start the agent unless one is alive or on its way; an agent that finds another at work leaves by itself.

        One of an older gpurun is asked to leave, its runs go on. One of a newer is left: else two servers would fight.
        """
        with self._starting:  # a second one would wait for the first to leave, and be there when nobody wants it
            if self._child is not None and self._child.poll() is None:  # which also reaps one that left
                return
            record = self._record()
            if record is not None and record.older:
                with contextlib.suppress(ProcessLookupError):  # it left meanwhile
                    os.kill(record.pid, signal.SIGTERM)
            if record is None or record.older:
                self._child = self._start()

    def _record(self) -> AgentRecord | None:
        """That of the living agent of this directory: a copy of another one has the record of that one's."""
        if not is_held(self._home.agent_lock):
            return None
        try:
            record = msgspec.json.decode(self._home.agent_record.read_bytes(), type=AgentRecord)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return record if record.alive() else None  # else the lock's holder has yet to write its own

    def _start(self) -> subprocess.Popen[bytes]:
        env = {key: value for key, value in os.environ.items() if not key.startswith(_SERVERS_OWN)}
        env[DATABASE_VARIABLE] = self._database_url  # it may hold a password, and everybody sees command lines
        with open_log(self._home.agent_log) as log:
            return subprocess.Popen(
                self._command,
                cwd=self._home.path,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,  # not the server's: these are gone when it ends
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the server's terminal is not for it
            )
