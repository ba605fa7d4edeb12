"""Retention, by whoever asks for it, of their own runs."""

from __future__ import annotations

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.units import parse_duration_s
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.queue.upkeep.retention import Pruned, Terms, prune


class Prune(msgspec.Struct, forbid_unknown_fields=True):
    """Which of your runs: those that ended longer ago than `older_than` (seconds, or "30d")."""

    older_than: float | str
    project: str | None = None
    keep_tagged: bool = False
    dry_run: bool = False


class PruneHandler(GpurunHandler):
    """`prune`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Free what old runs of yours printed and left, and blobs of nobody", body=Prune, answer=Pruned)
    async def post(self) -> None:
        """Prune."""
        asked, parts, owner = self.body(Prune), self.parts, self.owner
        older_than_s = parse_duration_s(asked.older_than)
        terms = Terms(older_than_s=older_than_s, project=asked.project, keep_tagged=asked.keep_tagged)
        dry_run = asked.dry_run
        self.answer(await self.in_thread(lambda: prune(parts.database, parts.home, owner, terms, dry_run=dry_run)))


default_handlers = [(r"prune", PruneHandler)]
