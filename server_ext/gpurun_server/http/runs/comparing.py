"""A run beside the one before it: which that is, what differs, and in which environment each ran."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import RunNotFound
from gpurun_jupyter.core.origins import Origin, below
from gpurun_jupyter.core.runs import Run
from gpurun_jupyter.core.secrets import as_shown
from gpurun_server.http.base import AttemptNumber, GpurunHandler, operation
from gpurun_server.queue.listing import shown
from gpurun_server.store.comparing.difference import Difference, Side, difference
from gpurun_server.store.comparing.environments import Environment, environment_of
from gpurun_server.store.comparing.previous import previous
from gpurun_server.store.queries import decode_meta, decode_spec, find


class Previous(msgspec.Struct):
    """The run before; null where there is none."""

    run: Run | None


class DiffQuery(msgspec.Struct, rename={"other": "with"}):
    """The run to compare with, which counts as the one before; by default the previous one."""

    other: str | None = None


class EnvironmentQuery(msgspec.Struct):
    """Of which attempt; the last where it is not said."""

    attempt: AttemptNumber | None = None


class EnvironmentOfRun(msgspec.Struct):
    """In which environment an attempt ran, null while nobody knows; and where its run comes from.

    `notebook` is the path of that notebook among the files of this Jupyter server; null where they do not hold it.
    """

    attempt: int
    environment: Environment | None
    origin: Origin | None
    notebook: str | None


class PreviousHandler(GpurunHandler):
    """`runs/{id}/previous`."""

    @web.authenticated
    @authorized
    @operation("The run before it: the one that it reruns, or the newest from the same cell or script", answer=Previous)
    async def get(self, reference: str) -> None:
        """Find."""
        with self.parts.database.read() as conn:
            row = previous(conn, find(conn, reference, self.owner))
            found = shown(conn, self.parts.ledger, [] if row is None else [row], self.owner)
        self.answer(Previous(found[0] if found else None))


class DiffHandler(GpurunHandler):
    """`runs/{id}/diff`."""

    @web.authenticated
    @authorized
    @operation("What differs from another run: code, parameters, packages", query=DiffQuery, answer=Difference)
    async def get(self, reference: str) -> None:
        """Compare."""
        other = self.query(DiffQuery).other
        with self.parts.database.read() as conn:
            after = find(conn, reference, self.owner)
            before = previous(conn, after) if other is None else find(conn, other, self.owner)
        if before is None:
            raise RunNotFound(f"There is no run before {after.name}.", "Name one: ?with=ID.")
        self.answer(await self.in_thread(lambda: difference(self.parts.home, self._side(before), self._side(after))))

    def _side(self, row: sa.Row[Any]) -> Side:
        home = self.parts.home
        spec, environment = (
            as_shown(decode_spec(row.spec_json)),
            environment_of(home, home.attempt(row.id, row.attempt)),
        )
        return Side(row.id, spec, environment, decode_meta(row.meta_json))


class EnvironmentHandler(GpurunHandler):
    """`runs/{id}/environment`."""

    @web.authenticated
    @authorized
    @operation(
        "Where it ran: Python, packages, machine, devices, driver", query=EnvironmentQuery, answer=EnvironmentOfRun
    )
    async def get(self, reference: str) -> None:
        """Show."""
        with self.parts.database.read() as conn:
            row = find(conn, reference, self.owner)
        attempt = self.query(EnvironmentQuery).attempt or row.attempt
        found = environment_of(self.parts.home, self.parts.home.attempt(row.id, attempt))
        origin = decode_spec(row.spec_json).origin
        root = getattr(self.contents_manager, "root_dir", None)
        notebook = below(root, origin.notebook) if root and origin and origin.notebook else None
        self.answer(EnvironmentOfRun(attempt, found, origin, notebook))


default_handlers = [
    (r"runs/([^/]+)/previous", PreviousHandler),
    (r"runs/([^/]+)/diff", DiffHandler),
    (r"runs/([^/]+)/environment", EnvironmentHandler),
]
