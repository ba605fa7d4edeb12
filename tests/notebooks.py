"""A kernel that a test server started, as a notebook has one: cells are executed in it, their outputs come back."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from jupyter_client.blocking import BlockingKernelClient
from servers import TOKEN, JupyterServer, wait_until

if TYPE_CHECKING:
    from jupyterhub_server import UserServer


@dataclass
class CellOutput:
    """What a cell showed: its streams, the mime bundles in order (updates replace their display), its error.

    `reply` is the kernel's answer: IPython prints a UsageError instead of showing an error, but the cell fails.
    """

    text: str = ""
    bundles: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    reply: dict[str, Any] = field(default_factory=dict)

    def take(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            self.text += content["text"]
        elif kind in ("display_data", "execute_result"):
            self.bundles.append(content["data"])
        elif kind == "update_display_data":
            self.updates.append(content["data"])
        elif kind == "error":
            self.error = content

    @property
    def failed(self) -> str:
        """`Name: value` of the error that the cell ended with; empty where it succeeded."""
        return f"{self.reply['ename']}: {self.reply['evalue']}" if self.reply["status"] == "error" else ""


class ServerKernel:
    """A kernel of the server, in a directory below its root."""

    def __init__(self, server: JupyterServer | UserServer, path: str = "", token: str = TOKEN) -> None:
        self._http = httpx.Client(base_url=server.url, headers={"Authorization": f"token {token}"}, timeout=60)
        answer = self._http.post("api/kernels", json={"name": "python3", "path": path})
        answer.raise_for_status()
        self.id = answer.json()["id"]
        record = server.folder / "runtime" / f"kernel-{self.id}.json"
        wait_until(record.exists)
        self._client = BlockingKernelClient()
        self._client.load_connection_info(json.loads(record.read_text()))
        self._client.start_channels()
        wait_until(self._ready, 60, "for the kernel")

    def _ready(self) -> bool:
        """On a busy machine a heart that beats late looks like a kernel that died."""
        with contextlib.suppress(RuntimeError):
            self._client.wait_for_ready(timeout=60)
            return True
        return False

    def execute(self, code: str, timeout_s: float = 60) -> CellOutput:
        output = CellOutput()

        def take(message: dict[str, Any]) -> None:
            output.take(message["msg_type"], message["content"])

        reply = self._client.execute_interactive(code, output_hook=take, timeout=timeout_s, allow_stdin=False)
        output.reply = reply["content"]
        return output

    def start(self, code: str) -> str:
        """Begin a cell without waiting for it; returns its request's id."""
        return self._client.execute(code, allow_stdin=False)

    def read_until_idle(self, request: str, timeout_s: float = 60) -> CellOutput:
        output = CellOutput()
        while True:
            message = self._client.get_iopub_msg(timeout=timeout_s)
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                output.reply = self._client.get_shell_msg(timeout=timeout_s)["content"]
                return output
            output.take(message["msg_type"], message["content"])

    def interrupt(self) -> None:
        self._http.post(f"api/kernels/{self.id}/interrupt").raise_for_status()

    def restart(self) -> None:
        self._http.post(f"api/kernels/{self.id}/restart").raise_for_status()

    def close(self) -> None:
        self._client.stop_channels()
        self._http.delete(f"api/kernels/{self.id}")
        self._http.close()
