"""Launch files: their schema, what one would do, and doing it. Sweeps, for whoever has the run and the values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import GpurunError, InvalidRequest
from gpurun_jupyter.core.launch.check import check, parse
from gpurun_jupyter.core.launch.file import LaunchFile, name_of, schema
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.secrets import unmasked, values_missing
from gpurun_jupyter.shipping.gather import Gathered, gather
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.http.launch.previews import Preview, previewed
from gpurun_server.http.runs.accepting import Launched, accept_all
from gpurun_server.store.content.intake import take_directory
from gpurun_server.store.queries import decode_spec, find


class CheckBody(msgspec.Struct, forbid_unknown_fields=True):
    """A launch file's text, and its path below Jupyter's root; what it names is seen from there."""

    yaml: str
    path: Annotated[str, msgspec.Meta(max_length=1000, pattern=r"^[^\x00-\x1f]*$(?!\n)")] = ""


class LaunchBody(CheckBody):
    """The same, with whether to hold the runs, or to queue them first: ahead of what waits of the same owner."""

    hold: bool = False
    first: bool = False
    secrets: dict[str, str] = {}  # the values of those that the file names


class SweepBody(msgspec.Struct, forbid_unknown_fields=True):
    """A run, and the values of which it is run with each combination; a list gives one for each of its items."""

    run: RunSpec
    values: dict[str, Any] = {}


class _LaunchHandler(GpurunHandler):
    def gather(self, file: LaunchFile, path: str) -> Gathered:
        """What a file at this path ships, of what this Jupyter server shows. Raises as `gather` does."""
        root = getattr(self.contents_manager, "root_dir", None)  # what keeps files elsewhere has none
        if not root:
            raise InvalidRequest("This Jupyter server shows no directory.", "Use `gpurun sweep FILE.yaml`.")
        place = Path(root) / path.strip("/")
        return gather(file, place.parent if path else place, self._spec_of, Path(root))

    def _spec_of(self, reference: str) -> RunSpec:
        with self.parts.database.read() as conn:
            return decode_spec(find(conn, reference, self.owner).spec_json)


class SchemaHandler(GpurunHandler):
    """`launch/schema`."""

    @web.authenticated
    @authorized
    @operation("The JSON Schema of launch files", answer=dict)
    async def get(self) -> None:
        """Show."""
        self.answer(schema())


class CheckHandler(_LaunchHandler):
    """`launch/check`."""

    @web.authenticated
    @authorized
    @operation("What a launch file would do, or what is wrong with it", body=CheckBody, answer=Preview)
    async def post(self) -> None:
        """Check."""
        body = self.body(CheckBody)
        checked = await self.in_thread(lambda: check(body.yaml))
        self.parts.ensure_agent()
        await self.parts.hub.first_agent()  # else a fresh server would say that nobody has the devices
        owner = self.owner
        gathering = await self.in_thread(lambda: _gathered(self, checked.file, body.path))
        with self.parts.database.read() as conn:
            self.answer(previewed(conn, self.parts.ledger, checked, gathering, owner, name_of(body.path)))


class LaunchHandler(_LaunchHandler):
    """`launch`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Queue what a launch file describes", body=LaunchBody, answer=Launched, status=201)
    async def post(self) -> None:
        """Launch."""
        body = self.body(LaunchBody)
        file = await self.in_thread(lambda: parse(body.yaml))
        spec, notes = await self.in_thread(lambda: self._taken(file, body.path))
        spec.name = spec.name or name_of(body.path)
        spec.hold = spec.hold or body.hold
        if lacking := set(file.secrets) - body.secrets.keys():
            raise values_missing(lacking)
        spec.secrets = {name: body.secrets[name] for name in file.secrets}
        await accept_all(self, spec, file.values, first=body.first, rerun_of=self._before(file), notes=notes)

    def _before(self, file: LaunchFile) -> str | None:
        if file.files_of is None:
            return None
        with self.parts.database.read() as conn:
            return str(find(conn, file.files_of, self.owner).id)

    def _taken(self, file: LaunchFile, path: str) -> tuple[RunSpec, list[str]]:
        """The run that the file describes, what it ships taken in, and what there is to say of that."""
        gathered = self.gather(file, path)
        blobs = self.parts.blobs
        manifest, notes = (None, []) if gathered.shipment is None else take_directory(blobs, gathered.shipment)
        if gathered.notebook is not None:
            blobs.keep([gathered.notebook])
        spec = gathered.spec(file, manifest)
        if file.files_of is not None:
            spec.env = unmasked(spec.env, self._spec_of(file.files_of).env)
        return spec, notes


class SweepsHandler(GpurunHandler):
    """`sweeps`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Queue a run for each combination of values", body=SweepBody, answer=Launched, status=201)
    async def post(self) -> None:
        """Submit."""
        body = self.body(SweepBody)
        await accept_all(self, body.run, body.values)


def _gathered(handler: _LaunchHandler, file: LaunchFile | None, path: str) -> Gathered | GpurunError | None:
    try:
        return None if file is None else handler.gather(file, path)
    except GpurunError as error:
        return error


default_handlers = [
    (r"launch", LaunchHandler),
    (r"launch/schema", SchemaHandler),
    (r"launch/check", CheckHandler),
    (r"sweeps", SweepsHandler),
]
