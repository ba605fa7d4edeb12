"""An agent of another machine that is played over HTTP: it says what a test has it say, true or not."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
from servers import JupyterServer

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.grants import Grant, Orders, Report


class PlayedAgent:
    """An agent that says over HTTP what it is told to say."""

    def __init__(self, server: JupyterServer, name: str, host: str = "") -> None:
        self.server = server
        token = server.http.post("agents/invite").json()["token"]
        self.http = httpx.Client(base_url=str(server.http.base_url), timeout=30)
        who = {"host": host or name, "name": name, "version": "1"}
        joined = self.http.post("agents/join", json=who, headers=bearer(token)).json()
        self.id, self.key = joined["agent_id"], joined["key"]
        self.http.headers["Authorization"] = f"Bearer {self.key}"
        self.host = host or name
        self.grant: Grant | None = None

    def sync(self, agent_id: str = "", **fields: Any) -> httpx.Response:
        report = Report(
            agent_id=agent_id or self.id,
            host=self.host,
            version="1",
            boot="b",
            devices=[Device("cpu0", "cpu", 0)],
            **{"holding": [], **fields},
        )
        return self.http.post("agents/sync", content=msgspec.json.encode(report))

    def take(self, **fields: Any) -> Grant:
        """Have a run on this agent, granted."""
        assert self.sync().is_success  # the server knows its devices
        self.server.submit("1", gpu=0, on=self.id, **fields)
        self.grant = msgspec.json.decode(self.sync().content, type=Orders).grants[0]
        return self.grant

    def ask(self, method: str, route: str, *, token: str | None = None, **more: Any) -> httpx.Response:
        assert self.grant is not None
        headers = {"X-Gpurun-Token": self.grant.token if token is None else token, **more.pop("headers", {})}
        path = f"agents/attempts/{self.grant.run_id}/{self.grant.attempt}/{route}"
        return self.http.request(method, path, headers=headers, **more)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
