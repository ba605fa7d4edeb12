"""Runs side by side."""

from __future__ import annotations

from typing import Annotated

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.runs import Run
from gpurun_server.http.base import GpurunHandler, operation
from gpurun_server.store.comparing.comparison import Comparison, compare
from gpurun_server.store.comparing.environments import Environment, environment_of
from gpurun_server.store.queries import find, to_run

#: As many as can be looked at, and as fit into the address of a request.
_MOST_RUNS = 200


class CompareQuery(msgspec.Struct):
    """The runs (repeatable), and whether lines in which they are equal are wanted too."""

    run: Annotated[list[str], msgspec.Meta(extra_json_schema={"minItems": 2, "maxItems": _MOST_RUNS})] = []
    all: bool = False


class CompareHandler(GpurunHandler):
    """`compare`."""

    @web.authenticated
    @authorized
    @operation("Parameters, metrics, environment and spec of runs side by side", query=CompareQuery, answer=Comparison)
    async def get(self) -> None:
        """Compare."""
        query = self.query(CompareQuery)
        if not 2 <= len(query.run) <= _MOST_RUNS:
            raise InvalidRequest(f"Between 2 and {_MOST_RUNS} runs can be compared.", "Name each with run=ID.")
        owner = self.owner
        runs = await self.read_database(lambda conn: [to_run(find(conn, reference, owner)) for reference in query.run])
        self.answer(await self.in_thread(lambda: self._compared(runs, everything=query.all)))

    def _compared(self, runs: list[Run], *, everything: bool) -> msgspec.Raw:
        """As JSON: of many runs that is megabytes, which the event loop is spared."""
        environments = [self._environment(run) for run in runs]
        return msgspec.Raw(msgspec.json.encode(compare(runs, environments, everything=everything)))

    def _environment(self, run: Run) -> Environment:
        home = self.parts.home
        return environment_of(home, home.attempt(run.id, run.attempt)) or Environment()


default_handlers = [(r"compare", CompareHandler)]
