"""Machines that join: people invite and revoke them, and agents report."""

from __future__ import annotations

from typing import Annotated

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import NotHeld
from gpurun_jupyter.core.grants import Orders, Report
from gpurun_jupyter.core.remote import Join, Joined, Rung
from gpurun_server.http.agents.handler import AgentHandler, KeyHandler, allow_unauthenticated
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.queue.agents.revoking import revoke
from gpurun_server.queue.ledger.log_lag import REMOTE
from gpurun_server.store import agent_keys

_LONGEST_WAIT_S = 60.0


class Invitation(msgspec.Struct):
    """What lets one machine join: the line to type there, and its parts. `expires_at` is seconds since the epoch."""

    token: str
    url: str
    line: str
    expires_at: float


class Revoked(msgspec.Struct):
    """The id of the agent that may not report any more."""

    revoked: str


class WorkQuery(msgspec.Struct):
    """How long to wait, in seconds, and what was answered before."""

    wait: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 25.0
    seen: int = 0


class InviteHandler(GpurunHandler):
    """`agents/invite`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Let one machine join, within an hour", answer=Invitation)
    async def post(self) -> None:
        """Invite."""
        owner = self.owner
        token, expires_at = await self.write_database(lambda writing: agent_keys.invite(writing, owner))
        url = f"{self.request.protocol}://{self.request.host}{self.base_url}"
        self.answer(Invitation(token, url, f"gpurun agent join {url} --token {token}", expires_at))


class RevokeHandler(GpurunHandler):
    """`agents/{agent}/revoke`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Remove a machine that you invited: its agent is let in no more, its runs are lost", answer=Revoked)
    async def post(self, agent: str) -> None:
        """Revoke."""
        owner = self.owner
        await self.write_database(lambda writing: revoke(writing, agent, by=owner))
        self.log.info("the key of agent %s was revoked by %s", agent, owner)
        self.answer(Revoked(agent))


class JoinHandler(KeyHandler):
    """`agents/join`."""

    @allow_unauthenticated
    @operation("For machines: become an agent, with a token of agents/invite", body=Join, answer=Joined, status=201)
    async def post(self) -> None:
        """Join."""
        token = self.bearer
        with self.parts.database.read() as conn:
            agent_keys.check_invited(conn, token)  # a stranger is not told what is wrong with the body
        who = self.body(Join)
        joined = await self.write_database(lambda writing: agent_keys.join(writing, token, who))
        self.log.info("%s has joined as agent %s", who.host, joined.agent_id)
        self.answer(joined, 201)


class SyncHandler(AgentHandler):
    """`agents/sync`."""

    @allow_unauthenticated
    @operation("For agents: report, and be told what to start and what to end", body=Report, answer=Orders)
    async def post(self) -> None:
        """Report."""
        report = self.body(Report)
        if report.agent_id != self.agent_id:
            raise NotHeld(f"This is the key of agent {self.agent_id}, not of {report.agent_id}.")
        report.boot = f"{REMOTE}{report.boot}"  # so that its lease counts even where both machines are one
        remote = self.parts.remote
        lengths = remote.append_pieces(self.agent_id, report.samples) if report.samples else {}
        orders = await remote.sync(report)
        orders.lengths = lengths
        self.answer(orders)


class WorkHandler(AgentHandler):
    """`agents/work`."""

    @allow_unauthenticated
    @operation("For agents: wait until there may be something to do", query=WorkQuery, answer=Rung)
    async def get(self) -> None:
        """Wait."""
        query = self.query(WorkQuery)
        wait_s = min(query.wait, _LONGEST_WAIT_S)
        self.answer(Rung(await self.parts.remote.bells.rung(self.agent_id, query.seen, wait_s)))


default_handlers = [
    (r"agents/invite", InviteHandler),
    (r"agents/join", JoinHandler),
    (r"agents/sync", SyncHandler),
    (r"agents/work", WorkHandler),
    (r"agents/(?P<agent>[^/]+)/revoke", RevokeHandler),
]
