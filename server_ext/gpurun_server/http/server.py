"""The server itself: its status, the agents and their devices."""

from __future__ import annotations

import shutil
from typing import Literal

import msgspec
import sqlalchemy as sa
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.devices import Agent, Sync
from gpurun_jupyter.core.labels import PRIVATE
from gpurun_server import __version__
from gpurun_server.http.base import GpurunHandler, operation
from gpurun_server.queue.ledger.known_agents import known_agents, shown_offers
from gpurun_server.queue.placement.offers import Offer
from gpurun_server.store.overview.statistics import Project, Statistics, projects, statistics
from gpurun_server.store.queries import count_by_state


class Status(msgspec.Struct):
    """The server at a glance; `owner` is who the runs belong to that the asker submits."""

    version: str
    home: str
    database: str
    disk_free_bytes: int
    runs: dict[str, int]
    owner: str


class DevicesAnswer(msgspec.Struct):
    """The agents, each with its devices."""

    agents: list[Agent]


class AgentSummary(msgspec.Struct):
    """An agent: who it is, how it is, and how many GPUs and CPU slots it offers."""

    id: str
    host: str
    version: str
    health: Literal["healthy", "stale", "disconnected"]
    heard_s_ago: float
    behind_s: float | None
    sync: Sync | None
    removable: bool
    labels: list[str]
    gpus: int
    cpu_slots: int


class AgentsAnswer(msgspec.Struct):
    """The agents without their devices."""

    agents: list[AgentSummary]


class ProjectsAnswer(msgspec.Struct):
    """The projects."""

    projects: list[Project]


class StatusHandler(GpurunHandler):
    """`status`."""

    @web.authenticated
    @authorized
    @operation("Version, storage, runs by state", answer=Status)
    async def get(self) -> None:
        """Show."""
        parts, owner = self.parts, self.owner
        counts = await self.read_database(lambda conn: count_by_state(conn, owner))
        free_bytes = shutil.disk_usage(parts.home.path).free
        database = _without_password(parts.database.engine.url)
        self.answer(Status(__version__, str(parts.home.path), database, free_bytes, counts, owner))


class DevicesHandler(GpurunHandler):
    """`devices`."""

    @web.authenticated
    @authorized
    @operation("Agents with their devices as last heard", answer=DevicesAnswer)
    async def get(self) -> None:
        """List."""
        self.parts.ensure_agent()
        await self.parts.hub.first_agent()  # else a fresh server would say that there are no machines
        with self.parts.database.read() as conn:
            self.answer(DevicesAnswer(known_agents(conn, self.parts.ledger, self.owner)))


class AgentsHandler(GpurunHandler):
    """`agents`."""

    @web.authenticated
    @authorized
    @operation("The agents: version, health, labels", answer=AgentsAnswer)
    async def get(self) -> None:
        """List."""
        with self.parts.database.read() as conn:
            found = [_summary(offer) for offer in shown_offers(conn, self.parts.ledger, self.owner)]
        self.answer(AgentsAnswer(found))


class ProjectsHandler(GpurunHandler):
    """`projects`."""

    @web.authenticated
    @authorized
    @operation("Projects with the numbers of their runs and the best one", answer=ProjectsAnswer)
    async def get(self) -> None:
        """List."""
        owner = self.owner
        self.answer(ProjectsAnswer(await self.read_database(lambda conn: projects(conn, owner))))


class StatsHandler(GpurunHandler):
    """`stats`."""

    @web.authenticated
    @authorized
    @operation("Runs by state and outcome, durations, use of devices", answer=Statistics)
    async def get(self) -> None:
        """Count."""
        owner = self.owner
        self.answer(await self.read_database(lambda conn: statistics(conn, owner)))


def _without_password(url: sa.URL) -> str:
    """An address of a database; a driver takes the password as one of its options, too."""
    secret = [name for name in url.query if "pass" in name.lower()]
    return url.difference_update_query(secret).render_as_string(hide_password=True)


def _summary(offer: Offer) -> AgentSummary:
    agent = offer.agent
    slots = sum(device.kind == "cpu" for device in agent.devices)
    return AgentSummary(
        id=agent.id,
        host=agent.host,
        version=agent.version,
        health=agent.health,
        heard_s_ago=agent.heard_s_ago,
        behind_s=agent.behind_s,
        sync=agent.sync,
        removable=agent.removable,
        labels=sorted(offer.labels - {PRIVATE}),
        gpus=len(agent.devices) - slots,
        cpu_slots=slots,
    )


default_handlers = [
    (r"status", StatusHandler),
    (r"devices", DevicesHandler),
    (r"agents", AgentsHandler),
    (r"projects", ProjectsHandler),
    (r"stats", StatsHandler),
]
