"""Registering a version of a model over HTTP: files that were sent, or what a run left."""

from __future__ import annotations

import asyncio
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.errors import InvalidRequest, WrongState
from gpurun_jupyter.core.manifests import Manifest
from gpurun_jupyter.core.models import MODEL_LIMITS, NewVersion
from gpurun_server.http.base import GpurunHandler, Parts
from gpurun_server.store.models import changes as model_changes
from gpurun_server.store.models.best_run import best_run
from gpurun_server.store.models.changes import Registration
from gpurun_server.store.models.files import take_in
from gpurun_server.store.models.of_run import of_run
from gpurun_server.store.queries import find


async def register(handler: GpurunHandler, new: NewVersion) -> tuple[int, bool]:
    """Register a version for whoever asks; returns its number and whether it is new.

    Raises InvalidRequest, and for what it should find RunNotFound, FileMissing, WrongState, NotShipped; StorageFull.
    """
    parts, owner = handler.parts, handler.owner
    new.check()
    run = _run(parts, owner, new)
    digest, manifest = await asyncio.get_running_loop().run_in_executor(parts.threads, _files, parts, new, run)
    registration = Registration(
        name=new.name,
        manifest=digest,
        file_count=len(manifest.files),
        size_bytes=manifest.size_bytes,
        type=new.type,
        framework=new.framework,
        description=new.description,
        tags=new.tags,
        alias=new.alias,
        **_of_run(new, run),
    )
    return await handler.write_database(lambda writing: model_changes.register(writing, owner, registration))


def _run(parts: Parts, owner: str, new: NewVersion) -> sa.Row[Any] | None:
    """The run that it comes from, if any. Raises RunNotFound and AmbiguousRun."""
    if new.run is None and new.best is None:
        return None
    with parts.database.read() as conn:
        return find(conn, best_run(conn, owner, new.best) if new.best else new.run or "last", owner)


def _files(parts: Parts, new: NewVersion, run: sa.Row[Any] | None) -> tuple[str, Manifest]:
    """The manifest of what is registered and its sha256; what a run left is taken in."""
    if new.manifest is not None:
        manifest = parts.blobs.whole_manifest(new.manifest, MODEL_LIMITS)
        if not manifest.files:
            raise InvalidRequest("There are no files to register.", "Name a file, or a folder that holds some.")
        return new.manifest, manifest
    assert run is not None  # NewVersion.check has seen to it
    assert new.path is not None
    folder = parts.home.attempt(run.id, run.attempt)
    if not folder.path.is_dir():
        raise WrongState(f"Run {run.name} ({run.id}) has not started.", "It left no files yet.")
    return take_in(parts.blobs, folder, new.path)


def _of_run(new: NewVersion, run: sa.Row[Any] | None) -> dict[str, Any]:
    """What is known of the run, added to what was said of the version."""
    if run is None:
        return {"metrics": new.metrics, "parameters": new.parameters}
    known = of_run(run)
    return known | {
        "metrics": new.metrics | {name: last for name, last in known["metrics"].items() if name not in new.metrics},
        "parameters": known["parameters"] | new.parameters,
    }
