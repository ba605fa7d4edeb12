"""Real Jupyter servers for tests: processes of their own, each with directories of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
from databases import empty_database

from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.processes import read_identity

TOKEN = "test-token"
BIN = Path(sys.executable).parent
#: The extensions that show pages: a server that shows none need not load them, which takes a second.
PAGES = ("jupyterlab", "jupyter_lsp", "notebook", "notebook_shim")

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout_s: float = 30.0, what: str = "") -> T:
    """Return the condition's first true value; fail after the timeout."""
    give_up = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > give_up:
            raise AssertionError(f"waited {timeout_s} s in vain {what}")
        time.sleep(0.05)
    return value


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def isolated_environment(folder: Path, programs: Path = BIN) -> dict[str, str]:
    """An environment in which Jupyter and gpurun keep everything below `folder`."""
    dropped = ("JUPYTER", "JPY_", "GPURUN_", "IPYTHON", "PYTEST_")  # in a test ipykernel would not watch descriptors
    env = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    for name in ("config", "data", "runtime", "ipython", "settings", "workspaces", "files"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return env | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "IPYTHONDIR": str(folder / "ipython"),
        "GPURUN_HOME": str(folder / "home"),
        "GPURUN_CPU_SLOTS": "2",
        "GPURUN_LOCKS": str(folder / "locks"),  # tests pretend to have the same GPUs
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }


class JupyterServer:
    """A Jupyter server with gpurun in it. `kill` is kill -9; the same object may be started again.

    It finds an empty database; where `migrated` is False, none.
    """

    def __init__(
        self,
        folder: Path,
        *,
        app: str = "server",
        base_url: str = "/",
        ip: str = "127.0.0.1",
        options: tuple[str, ...] = (),
        disabled: tuple[str, ...] = PAGES,
        migrated: bool = True,
        programs: Path = BIN,
    ) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.env = isolated_environment(folder, programs)
        if migrated:
            empty_database(Home(self.home)).close()
        self.port = free_port()
        self.base_url = base_url
        self.url = f"http://{ip}:{self.port}{base_url}"
        self._command = [str(programs / f"jupyter-{app}"), "--no-browser", "--allow-root", "--port-retries=0"]
        self._command += [
            f"--port={self.port}",
            f"--ip={ip}",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.base_url={base_url}",
        ]
        if disabled:
            self._command.append(f"--ServerApp.jpserver_extensions={dict.fromkeys(disabled, False)}")
        self._command += [f"--ServerApp.root_dir={folder / 'files'}", *options]
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(
            base_url=f"{self.url}gpurun/api/v1/", headers={"Authorization": f"token {TOKEN}"}, timeout=60
        )

    def start(self) -> JupyterServer:
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self.env, stdout=log, stderr=log, cwd=self.folder)
        wait_until(self._answers, 60, f"for the server; see {self.folder}/server.log")
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the server, its agent, and whatever its runs left; there is nothing to wait for any more."""
        if self._process is not None:
            self.kill()
        self.end_agent(signal.SIGKILL)
        for process in self.run_processes():
            process.kill()
        self.http.close()

    def agent(self) -> psutil.Process | None:
        """The local agent's process if it lives."""
        identity = read_identity(self.home / "agent.json")
        return identity.process() if identity else None

    def end_agent(self, number: int = signal.SIGTERM) -> None:
        if (agent := self.agent()) is not None:
            agent.send_signal(number)
            try:
                agent.wait(10)
            except psutil.TimeoutExpired:
                agent.kill()

    def runner(self, run_id: str, attempt: int = 1) -> psutil.Process:
        """The process that carries out an attempt at a run."""
        folder = Home(self.home).attempt(run_id, attempt)
        return wait_until(lambda: (found := read_identity(folder.runner)) and found.process(), what="for the runner")

    def run_processes(self) -> list[psutil.Process]:
        """Runners and processes of runs below this server's state directory."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            checkpoints = process.environ().get("GPURUN_CHECKPOINT_DIR", "")
            return str(self.home) in " ".join(process.cmdline()[3:4]) or checkpoints.startswith(f"{self.home}/")
        except (psutil.Error, OSError):
            return False

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "server.log").read_text()[-3000:]
        try:
            return self.http.get("status").status_code == 200
        except httpx.TransportError:
            return False

    # What tests ask of runs

    def submit(self, code: str, **fields: Any) -> str:
        answer = self.http.post("runs", json={"code": code, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def run(self, reference: str) -> dict[str, Any]:
        answer = self.http.get(f"runs/{reference}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, reference: str, state: str = "finished", timeout_s: float = 60.0) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            run = self.run(reference)
            assert state == "finished" or run["state"] != "finished", run
            return run if run["state"] == state else None

        run = wait_until(reached, timeout_s, f"for run {reference} to be {state}")
        if run["outcome"] not in (None, "succeeded"):
            print(run, self.log(reference)[-3000:], sep="\n")  # pytest shows it where the test fails
        return run

    def log(self, reference: str) -> str:
        return self.http.get(f"runs/{reference}/log").text

    def events(self, reference: str, cursor: str = "1:0") -> list[dict[str, Any]]:
        answer = self.http.get(f"runs/{reference}/events", params={"cursor": cursor})
        return [json.loads(line) for line in answer.text.splitlines()]


def session_of(server: JupyterServer, name: str) -> dict[str, Any] | None:
    """The session of this name, if there is one."""
    sessions = server.http.get("sessions").json()["sessions"]
    return next((one for one in sessions if one["name"] == name), None)


def end_session(server: JupyterServer, name: str) -> None:
    """End it, and wait until it is gone."""
    assert server.http.post(f"sessions/{name}/end").status_code == 200
    wait_until(lambda: session_of(server, name) is None, what="for the session to end")
