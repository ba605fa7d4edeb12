"""The model registry: list, show, compare, register, promote, change and delete. Everyone sees their own models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.models import (
    MODEL_LIMITS,
    Model,
    ModelFile,
    ModelSummary,
    ModelVersion,
    NewVersion,
    Promotion,
    VersionChanges,
    VersionComparison,
)
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.http.models.registering import register
from gpurun_server.store.database import Writing
from gpurun_server.store.models import changes as model_changes
from gpurun_server.store.models.comparison import compare
from gpurun_server.store.models.models import model_of, summaries, version_shown

T = TypeVar("T")


class Models(msgspec.Struct):
    """The models of whoever asks."""

    models: list[ModelSummary]


class ModelDeleted(msgspec.Struct):
    """The name of the model, and how many versions of it were deleted."""

    deleted: str
    versions: int


class VersionsQuery(msgspec.Struct):
    """The two versions: numbers or aliases."""

    a: str
    b: str


class RegistryHandler(GpurunHandler):
    """What the handlers of models share."""

    async def change(self, act: Callable[[Writing, str], T]) -> T:
        """Make a change in the name of whoever asks."""
        owner = self.owner
        return await self.write_database(lambda writing: act(writing, owner))

    async def version(self, name: str, reference: str) -> ModelVersion:
        """A version with its files. Raises ModelNotFound and BlobDamaged."""
        with self.parts.database.read() as conn:
            found = version_shown(conn, self.owner, name, reference)
        manifest = await self.in_thread(lambda: self.parts.blobs.manifest(found.manifest, MODEL_LIMITS))
        found.files = [ModelFile.of(entry) for entry in manifest.files]
        return found


class ModelsHandler(RegistryHandler):
    """`models`."""

    @web.authenticated
    @authorized
    @operation("Your models", answer=Models)
    async def get(self) -> None:
        """List."""
        with self.parts.database.read() as conn:
            self.answer(Models(summaries(conn, self.owner)))

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation(
        "Register a version: files that were sent, or what a run left; 200 if it is the newest one already",
        body=NewVersion,
        answer=ModelVersion,
        status=201,
        also=(200,),
    )
    async def post(self) -> None:
        """Register."""
        new = self.body(NewVersion)
        number, created = await register(self, new)
        self.answer(await self.version(new.name, str(number)), 201 if created else 200)


class ModelHandler(RegistryHandler):
    """`models/{name}`."""

    @web.authenticated
    @authorized
    @operation("One model with its versions, newest first", answer=Model)
    async def get(self, name: str) -> None:
        """Show."""
        with self.parts.database.read() as conn:
            self.answer(model_of(conn, self.owner, name))

    @web.authenticated
    @authorized
    @operation("Delete a model with all its versions and aliases", answer=ModelDeleted)
    async def delete(self, name: str) -> None:
        """Delete."""
        versions = await self.change(lambda writing, owner: model_changes.delete_model(writing, owner, name))
        self.answer(ModelDeleted(name, versions))


class CompareHandler(RegistryHandler):
    """`models/{name}/compare`."""

    @web.authenticated
    @authorized
    @operation("Two versions beside each other", query=VersionsQuery, answer=VersionComparison)
    async def get(self, name: str) -> None:
        """Compare."""
        asked = self.query(VersionsQuery)
        a, b = await self.version(name, asked.a), await self.version(name, asked.b)
        self.answer(compare(a, b))


class PromoteHandler(RegistryHandler):
    """`models/{name}/promote`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Let an alias point to a version", body=Promotion, answer=ModelVersion)
    async def post(self, name: str) -> None:
        """Promote."""
        wanted = self.body(Promotion)
        number = await self.change(lambda writing, owner: model_changes.promote(writing, owner, name, wanted))
        self.answer(await self.version(name, str(number)))


class AliasHandler(RegistryHandler):
    """`models/{name}/aliases/{alias}`."""

    @web.authenticated
    @authorized
    @operation("Take an alias away", answer=Model)
    async def delete(self, name: str, alias: str) -> None:
        """Take away."""
        await self.change(lambda writing, owner: model_changes.drop_alias(writing, owner, name, alias))
        with self.parts.database.read() as conn:
            self.answer(model_of(conn, self.owner, name))


class VersionHandler(RegistryHandler):
    """`models/{name}/{version}`."""

    @web.authenticated
    @authorized
    @operation("One version, by number, alias or `latest`, with its files and its run's spec", answer=ModelVersion)
    async def get(self, name: str, version: str) -> None:
        """Show."""
        self.answer(await self.version(name, version))

    @web.authenticated
    @authorized
    @operation(
        "Change description, tags, type or framework; archive it, or make it ready",
        body=VersionChanges,
        answer=ModelVersion,
    )
    async def patch(self, name: str, version: str) -> None:
        """Change."""
        changes = self.body(VersionChanges)
        number = await self.change(lambda writing, owner: model_changes.change(writing, owner, name, version, changes))
        self.answer(await self.version(name, str(number)))

    @web.authenticated
    @authorized
    @operation("Delete a version that no alias points to", answer=ModelDeleted)
    async def delete(self, name: str, version: str) -> None:
        """Delete."""
        await self.change(lambda writing, owner: model_changes.delete_version(writing, owner, name, version))
        self.answer(ModelDeleted(name, 1))


default_handlers = [
    (r"models", ModelsHandler),
    (r"models/(?P<name>[^/]+)", ModelHandler),
    (r"models/(?P<name>[^/]+)/compare", CompareHandler),
    (r"models/(?P<name>[^/]+)/promote", PromoteHandler),
    (r"models/(?P<name>[^/]+)/aliases/(?P<alias>[^/]+)", AliasHandler),
    (r"models/(?P<name>[^/]+)/(?P<version>[^/]+)", VersionHandler),  # last: to it, `compare` would be a version
]
