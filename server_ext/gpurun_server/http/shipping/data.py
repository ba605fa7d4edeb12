"""Data sets: list them, and give a name to a manifest whose files are here."""

from __future__ import annotations

import asyncio
import time

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.data_sets import DATA_LIMITS, DataSet
from gpurun_jupyter.core.manifests import Digest
from gpurun_jupyter.core.names import Name
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.store.content.data_sets import of_owner, remember


class DataSets(msgspec.Struct):
    """The data sets of whoever asks."""

    data: list[DataSet]


class NewDataSet(msgspec.Struct, forbid_unknown_fields=True):
    """A name for a manifest; what the name meant before is replaced."""

    name: Name
    manifest: Digest


class DataHandler(GpurunHandler):
    """`data`."""

    @web.authenticated
    @authorized
    @operation("Your data sets", answer=DataSets)
    async def get(self) -> None:
        """List."""
        with self.parts.database.read() as conn:
            self.answer(DataSets(of_owner(conn, self.owner)))

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Name a manifest whose blobs have been sent", body=NewDataSet, answer=DataSet, status=201)
    async def post(self) -> None:
        """Name."""
        new, owner = self.body(NewDataSet), self.owner
        data_set = await asyncio.get_running_loop().run_in_executor(self.parts.threads, self._looked_at, new)
        await self.write_database(lambda writing: remember(writing, owner, data_set))
        self.answer(data_set, 201)

    def _looked_at(self, new: NewDataSet) -> DataSet:
        manifest = self.parts.blobs.whole_manifest(new.manifest, DATA_LIMITS)
        return DataSet(
            name=new.name,
            manifest=new.manifest,
            files=len(manifest.files),
            size_bytes=manifest.size_bytes,
            uploaded_at=time.time(),
        )


default_handlers = [(r"data", DataHandler)]
