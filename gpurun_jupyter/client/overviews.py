"""What a client asks of the server as a whole: its machines, its projects, its numbers."""

from __future__ import annotations

import os
import sys
from typing import Any
from urllib.parse import quote

from gpurun_jupyter.client.http import Connection
from gpurun_jupyter.core.devices import Agent


class Overviews:
    """The part of the client that looks at no single run."""

    _connection: Connection

    def devices(self) -> list[Agent]:
        """The agents that the server knows, each with its devices."""
        return self._connection.get("devices", dict[str, list[Agent]])["agents"]

    def agents(self) -> list[dict[str, Any]]:
        """The agents without their devices: id, host, version, health, labels, gpus, cpu_slots."""
        return self._connection.get("agents", dict[str, list[dict[str, Any]]])["agents"]

    def invite(self) -> dict[str, Any]:
        """Let one machine join within an hour: `line` is what to type there; token, url, expires_at."""
        return self._connection.post("agents/invite", dict[str, Any], {})

    def revoke(self, agent: str) -> None:
        """Remove a machine that you invited: it is let in no more, its runs and sessions end. Raises AgentNotFound."""
        self._connection.post(f"agents/{quote(agent, safe='')}/revoke", dict[str, Any], {})

    def projects(self) -> list[dict[str, Any]]:
        """Each project: name, runs, states, outcomes, latest_at; the one with the newest run first."""
        return self._connection.get("projects", dict[str, list[dict[str, Any]]])["projects"]

    def use_mlflow(self) -> dict[str, str]:
        """Have MLflow in this process, and in those that it starts, log to the server; returns the variables for that.

        These are MLFLOW_TRACKING_URI and, where the server wants one, MLFLOW_TRACKING_TOKEN.
        """
        address = self._connection.address
        variables = {"MLFLOW_TRACKING_URI": f"{address.url}gpurun/mlflow"}
        if address.token:
            variables["MLFLOW_TRACKING_TOKEN"] = address.token
        os.environ.pop("MLFLOW_TRACKING_TOKEN", None)  # of another server
        os.environ |= variables
        if (mlflow := sys.modules.get("mlflow")) is not None:  # it looks at the variable only before it has an address
            mlflow.set_tracking_uri(variables["MLFLOW_TRACKING_URI"])
        return variables

    def stats(self) -> dict[str, Any]:
        """Runs by state and outcome, of the last day too; mean durations by kind; use of devices; models."""
        return self._connection.get("stats", dict[str, Any])

    def status(self) -> dict[str, Any]:
        """Version, state directory, free disk and runs by state."""
        return self._connection.get("status", dict[str, Any])
