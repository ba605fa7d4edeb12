"""The variables that a run was asked for, and left."""

from __future__ import annotations

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import OutputMissing
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.system.records import read_record
from gpurun_jupyter.core.values import Answer, Output
from gpurun_server.http.base import GpurunHandler, operation
from gpurun_server.http.ranges import send_file
from gpurun_server.store.queries import find


class Outputs(msgspec.Struct):
    """The variables that a run left, by name."""

    outputs: dict[str, Output]


class _OutputsHandler(GpurunHandler):
    def attempt(self, reference: str) -> AttemptFolder:
        """The folder of a run's newest attempt. Raises RunNotFound."""
        with self.parts.database.read() as conn:
            run = find(conn, reference, self.owner)
        return self.parts.home.attempt(run.id, run.attempt)

    def outputs(self, folder: AttemptFolder) -> dict[str, Output]:
        """What the attempt's kernel has written down; nothing where it was asked for nothing, or has failed."""
        answer = read_record(folder.outputs_answer, Answer)
        return {} if answer is None else answer.outputs


class OutputsHandler(_OutputsHandler):
    """`runs/{id}/outputs`."""

    @web.authenticated
    @authorized
    @operation("The variables that the run left", answer=Outputs)
    async def get(self, id: str) -> None:  # noqa: A002 - named in the route
        """List."""
        self.answer(Outputs(self.outputs(self.attempt(id))))


class OutputHandler(_OutputsHandler):
    """`runs/{id}/outputs/{name}`."""

    @web.authenticated
    @authorized
    @operation(
        "One variable: JSON, or a zip of value.json and its parts; or the part that Range asks for",
        answer_type="application/octet-stream",
        also=(206, 416),
    )
    async def get(self, id: str, name: str) -> None:  # noqa: A002
        """Download."""
        folder = self.attempt(id)
        output = self.outputs(folder).get(name)
        if output is None or not output.file.isdecimal():
            raise OutputMissing(f"The run left no variable {name!r}.", "GET runs/ID/outputs lists those it left.")
        self.set_header("Content-Disposition", "attachment")
        await send_file(self, folder.outputs / output.file)


default_handlers = [
    (r"runs/(?P<id>[^/]+)/outputs", OutputsHandler),
    (r"runs/(?P<id>[^/]+)/outputs/(?P<name>[^/]+)", OutputHandler),
]
