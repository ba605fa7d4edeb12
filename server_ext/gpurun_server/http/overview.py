"""Who uses what: the timeline of the devices, and the order of one's own waiting runs."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, Seconds, operation
from gpurun_server.queue.lifecycle.reorder import move_before
from gpurun_server.store.overview.timeline import Timeline, timeline

_DEFAULT_SPAN_S = 3600.0


class TimelineQuery(msgspec.Struct, omit_defaults=True):
    """From when to when (seconds since the epoch; by default the last hour), and in how many parts use is told."""

    after: Seconds | None = None
    before: Seconds | None = None
    parts: Annotated[int, msgspec.Meta(ge=1, le=500)] = 60


class MoveBody(msgspec.Struct, forbid_unknown_fields=True):
    """A waiting run of yours, and the one that it shall come before; None: it comes last."""

    run: str
    before: str | None = None


class Moved(msgspec.Struct):
    """The priorities that were changed for it, by run id."""

    priorities: dict[str, int]


class TimelineHandler(GpurunHandler):
    """`timeline`."""

    @web.authenticated
    @authorized
    @operation("Which run had which devices when, and the use of each device", query=TimelineQuery, answer=Timeline)
    async def get(self) -> None:
        """Tell."""
        query, owner, now = self.query(TimelineQuery), self.owner, time.time()
        before = now if query.before is None else query.before
        after = before - _DEFAULT_SPAN_S if query.after is None else query.after
        if not after < before:
            raise InvalidRequest("The timeline ends before it begins.", "Give an earlier `after`.")

        told = await self.read_database(lambda conn: timeline(conn, owner, after, before, parts=query.parts, now=now))
        self.answer(told)


class MoveHandler(GpurunHandler):
    """`queue/move`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Let a waiting run of yours come before another", body=MoveBody, answer=Moved)
    async def post(self) -> None:
        """Move."""
        body, owner = self.body(MoveBody), self.owner
        self.answer(
            Moved(await self.write_database(lambda writing: move_before(writing, body.run, body.before, owner=owner)))
        )


default_handlers = [
    (r"timeline", TimelineHandler),
    (r"queue/move", MoveHandler),
]
