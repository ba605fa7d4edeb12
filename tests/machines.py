"""Agents of other machines for tests: real processes that dial in, each with a home of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
from servers import BIN, JupyterServer, isolated_environment, wait_until

from gpurun_jupyter.agent.remote.membership import Membership, folder_of, read
from gpurun_jupyter.core.system.processes import read_identity


class Machine:
    """A machine that joins a server by the line that the server gives; `before` stands before its commands."""

    def __init__(self, folder: Path, *, before: tuple[str, ...] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.before = before
        self.env = isolated_environment(folder)
        self.url = self.said = ""

    def gpurun(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Type a command on this machine."""
        command = [*self.before, str(BIN / "gpurun"), *words]
        done = subprocess.run(command, env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done

    def types(self, line: str) -> subprocess.Popen[str]:
        """Have a line typed into a shell on this machine, as it is."""
        command = [*self.before, "sh", "-c", line]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=self.env, cwd=self.folder, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def join(self, server: JupyterServer, *options: str, url: str | None = None) -> Machine:
        """Join by the line that a person gets; the agent's daemon runs then."""
        invitation = server.http.post("agents/invite").json()
        self.url = url or invitation["url"]
        typed = ["agent", "join", self.url, "--token", invitation["token"], "--cpu-slots", "1", *options]
        known = _agents_of(server)
        self.said = self.gpurun(*typed).stderr
        if "--no-start" not in options:
            wait_until(lambda: _agents_of(server) - known, what="for the agent's first report")
        return self

    @property
    def home(self) -> Path:
        """The state directory of the agent for the server that was joined."""
        from gpurun_jupyter.core.home import Home

        return folder_of(Home(self.folder / "home"), self.url)

    @property
    def membership(self) -> Membership:
        """What lets it in."""
        return read(self.home)

    @property
    def agent_id(self) -> str:
        return self.membership.agent_id

    def agent(self) -> psutil.Process | None:
        """The daemon's process if it lives."""
        identity = read_identity(self.home / "agent.json")
        return identity.process() if identity else None

    def start(self) -> None:
        """Start the daemon as `gpurun agent start` does, as a child of the test."""
        with (self.home / "agent.log").open("ab") as log:
            command = [*self.before, sys.executable, "-m", "gpurun_jupyter.agent.remote", str(self.home)]
            subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        wait_until(self.agent, what="for the agent")

    def kill(self) -> None:
        """kill -9 of the daemon."""
        agent = self.agent()
        assert agent is not None
        agent.kill()
        wait_until(lambda: self.agent() is None)

    def log(self) -> str:
        return (self.home / "agent.log").read_text()

    def close(self) -> None:
        """End the daemon and whatever its runs left."""
        if (agent := self.agent()) is not None:
            agent.send_signal(signal.SIGTERM)
            try:
                agent.wait(10)
            except psutil.TimeoutExpired:
                agent.kill()
        mark = os.fsencode(str(self.folder))
        for process in psutil.process_iter():
            if self._is_ours(process, mark):
                process.kill()

    def _is_ours(self, process: psutil.Process, mark: bytes) -> bool:
        try:
            checkpoints = process.environ().get("GPURUN_CHECKPOINT_DIR", "")
            return str(self.folder) in " ".join(process.cmdline()[3:4]) or checkpoints.startswith(f"{self.folder}/")
        except (psutil.Error, OSError):
            return False


def _agents_of(server: JupyterServer) -> set[str]:
    """The ids of the agents that have been heard."""
    return {agent["id"] for agent in server.http.get("agents").json()["agents"]}


def install(folder: Path, version: str) -> Path:
    """A folder for PYTHONPATH with only what says which gpurun is installed: it is found before the true one."""
    packages = folder / "own-packages"
    shutil.rmtree(packages, ignore_errors=True)
    info = packages / f"gpurun_jupyter-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: gpurun-jupyter\nVersion: {version}\n")
    return packages
