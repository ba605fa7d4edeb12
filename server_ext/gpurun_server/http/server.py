"""The server itself: its status, the agents and their devices."""

from __future__ import annotations

import shutil

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.devices import Agent
from gpurun_server import __version__
from gpurun_server.http.base import GpurunHandler, operation
from gpurun_server.queue.agents import known_agents
from gpurun_server.store.queries import count_by_state


class Status(msgspec.Struct):
    """The server at a glance."""

    version: str
    home: str
    database: str
    disk_free_bytes: int
    runs: dict[str, int]


class DevicesAnswer(msgspec.Struct):
    """The agents, each with its devices."""

    agents: list[Agent]


class StatusHandler(GpurunHandler):
    """`status`."""

    @web.authenticated
    @authorized
    @operation("Version, storage, runs by state", answer=Status)
    async def get(self) -> None:
        """Show."""
        parts = self.parts
        with parts.database.read() as conn:
            counts = count_by_state(conn)
        free_bytes = shutil.disk_usage(parts.home.path).free
        database = parts.database.engine.url.render_as_string(hide_password=True)
        self.answer(Status(__version__, str(parts.home.path), database, free_bytes, counts))


class DevicesHandler(GpurunHandler):
    """`devices`."""

    @web.authenticated
    @authorized
    @operation("Agents with their devices as last heard", answer=DevicesAnswer)
    async def get(self) -> None:
        """List."""
        self.parts.ensure_agent()
        await self.parts.hub.first_agent()
        with self.parts.database.read() as conn:
            self.answer(DevicesAnswer(known_agents(conn, self.parts.ledger)))


default_handlers = [(r"status", StatusHandler), (r"devices", DevicesHandler)]
