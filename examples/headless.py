"""A Jupyter server without a browser, and a kernel of it that runs cells: what demo.py stands on."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
from jupyter_client.blocking import BlockingKernelClient

from gpurun_jupyter.core.system.processes import read_identity

START_S = 60.0
CELL_S = 300.0
STOP_S = 15.0


class Server:
    """A Jupyter server on a free port of this machine; `with` starts it, and ends it and its local agent."""

    def __init__(self, state: Path, root: Path) -> None:
        self.token = secrets.token_urlsafe(24)
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}/"
        self._root = root
        self._home = state / "home"
        self._runtime = state / "runtime"
        self._log = state / "server.log"
        self._http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"token {self.token}"}, timeout=60, trust_env=False
        )
        self._agent_before = self._agent()

    def __enter__(self) -> Server:
        self._runtime.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
        command += [
            f"--ServerApp.port={self._port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self._root}",
        ]
        with self._log.open("w") as log:
            # A session of its own: Ctrl-C is for the demo, which then ends the server in order.
            self._process = subprocess.Popen(
                command, env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait_for_answer()
        except BaseException:
            self._end_processes()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end_processes()

    def start_kernel(self, notebook: str) -> Kernel:
        """A kernel started by the server for this notebook, as JupyterLab starts one."""
        session = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        answer = self._http.post("api/sessions", json=session).raise_for_status()
        kernel_id = answer.json()["kernel"]["id"]
        return Kernel(self._runtime / f"kernel-{kernel_id}.json")

    def _environment(self) -> dict[str, str]:
        """The user's own, but for settings of other Jupyter servers. The token is not for the eyes of `ps`."""
        strangers = ("GPURUN_URL", "GPURUN_TOKEN", "JPY_", "JUPYTERHUB_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(strangers)}
        folders = {"JUPYTER_RUNTIME_DIR": self._runtime, "JUPYTER_CONFIG_DIR": self._runtime.with_name("config")}
        named = {key: str(path) for key, path in folders.items()}
        return kept | named | {"GPURUN_HOME": str(self._home), "JUPYTER_TOKEN": self.token}

    def _wait_for_answer(self) -> None:
        give_up = time.monotonic() + START_S
        while True:
            if self._process.poll() is not None or time.monotonic() > give_up:
                sys.exit(f"The Jupyter server did not start:\n{self._log.read_text()[-3000:]}")
            try:
                answer = self._http.get("gpurun/api/v1/status")
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.status_code == 200:
                return
            sys.exit(f"The Jupyter server has no gpurun ({answer.status_code}):\n{self._log.read_text()[-3000:]}")

    def _end_processes(self) -> None:
        self._http.close()
        _end(psutil.Process(self._process.pid) if self._process.poll() is None else None)
        agent = self._agent()
        if agent != self._agent_before:
            _end(agent)

    def _agent(self) -> psutil.Process | None:
        """The local agent that lives in the state directory; its pid may have passed to somebody else since."""
        identity = read_identity(self._home / "agent.json")
        return identity.process() if identity else None


class Kernel:
    """A running kernel that somebody else started and will end."""

    def __init__(self, connection_file: Path) -> None:
        self._client = BlockingKernelClient(connection_file=str(connection_file))
        self._client.load_connection_file()
        self._client.start_channels()
        self._wait()

    def _wait(self) -> None:
        """Until it answers. On a busy machine a heart that beats late looks like a kernel that died: once more then."""
        give_up = time.monotonic() + START_S
        while True:
            try:
                return self._client.wait_for_ready(timeout=START_S)
            except RuntimeError:
                if time.monotonic() > give_up:
                    raise

    def run(self, code: str, show: Callable[[str], None]) -> str | None:
        """Run a cell and show its text as it comes; returns its error in a sentence, None where there was none."""
        outputs = _Outputs(show)
        request = self._client.execute(code, allow_stdin=False)
        kernel = None
        for message in self._messages(CELL_S):
            ours = message["parent_header"].get("msg_id") == request
            if kernel is not None and message["header"]["session"] != kernel:
                return "the kernel of the notebook died"  # the server has started another in its place
            kernel = message["header"]["session"] if ours else kernel
            if ours and outputs.take(message):
                return outputs.error
        return f"it was not finished after {CELL_S:.0f} s"

    def _messages(self, for_s: float) -> Iterator[dict[str, Any]]:
        give_up = time.monotonic() + for_s
        while time.monotonic() < give_up:
            with contextlib.suppress(queue.Empty):
                yield self._client.get_iopub_msg(timeout=1)


class _Outputs:
    """The text of one cell. A display that is updated, such as the view of a run, is shown as it was in the end."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self.error: str | None = None
        self._show = show
        self._displays: dict[str, str] = {}

    def take(self, message: dict[str, Any]) -> bool:
        """Whether this message is the cell's last."""
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            self._show(content["text"])
        elif kind in ("display_data", "update_display_data", "execute_result"):
            self._display(content)
        elif kind == "error":
            self.error = f"{content['ename']}: {content['evalue']}".rstrip(": ")
        elif kind == "status" and content["execution_state"] == "idle":
            self._show("\n".join(self._displays.values()))
            self._show(self.error or "")
            return True
        return False

    def _display(self, content: dict[str, Any]) -> None:
        text = content["data"].get("text/plain", "")
        name = content.get("transient", {}).get("display_id")
        self._displays[name or str(len(self._displays))] = text


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _end(process: psutil.Process | None) -> None:
    """Ask the process to end, and end it if it does not."""
    if process is None:
        return
    try:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.NoSuchProcess:
        pass
