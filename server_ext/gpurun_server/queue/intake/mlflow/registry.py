"""Registered models of MLflow's become versions in our registry, with their aliases."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.errors import GpurunError, InvalidRequest
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.manifests import Entry, Manifest
from gpurun_jupyter.core.models import MODEL_LIMITS, Promotion
from gpurun_jupyter.core.parameters import logged_in
from gpurun_server.queue.intake.mlflow.artifacts import files_of
from gpurun_server.queue.intake.mlflow.found import FoundVersion, NotReadable, Store, ends_all
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import Database
from gpurun_server.store.models.changes import Registration, promote, register
from gpurun_server.store.queries import by_id, encode, to_run
from gpurun_server.store.tables import model_versions

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_PROMPT = "mlflow.prompt.is_prompt"
_LONGEST = 100
_LONGEST_DESCRIPTION = 10_000


class Registry:
    """Ours, for the versions of one owner. `tell` hears in sentences of what is left out."""

    def __init__(self, home: Home, database: Database, owner: str, tell: Callable[[str], None]) -> None:
        self._blobs, self._database, self._owner, self._tell = Blobs(home), database, owner, tell
        self._registered = 0

    def take(self, store: Store, id_of: Callable[[str | None], str | None], give_up: float) -> bool:
        """Register each version that is new; `id_of` knows our runs. Whether it came to the end before `give_up`."""
        before = self._registered
        for version in store.versions():
            if self._registered > before and time.monotonic() > give_up:
                return False
            if _PROMPT in version.tags:  # MLflow keeps them among its models
                continue
            try:
                self._take(store, version, id_of(version.run_id))
            except (GpurunError, OSError) as error:
                if ends_all(error):
                    raise
                why = f"its files are {error.message}. {error.hint}" if isinstance(error, NotReadable) else error
                self._tell(f"Version {version.version} of {version.model} is left out: {why}")
        return True

    def _take(self, store: Store, version: FoundVersion, run_id: str | None) -> None:
        origin = f"mlflow {self._owner} {version.model} {version.version} {version.run_id or store.name}"
        with self._database.read() as conn:
            if conn.scalar(sa.select(model_versions.c.number).where(model_versions.c.origin == origin)):
                return
        manifest, digest = self._kept(store, version)
        self._registered += 1
        name = _NOT_IN_NAMES.sub("-", version.model).strip("-._")[:_LONGEST] or "model"
        new = Registration(
            name=name,
            manifest=digest,
            file_count=len(manifest.files),
            size_bytes=manifest.size_bytes,
            description=version.description.replace("\0", "")[:_LONGEST_DESCRIPTION],
            tags=[f"mlflow-v{version.version}", *(f"{key}={value}" for key, value in version.tags.items())],
            origin=origin,
            **self._of_run(run_id),
        )
        with self._database.write() as writing:
            number, _ = register(writing, self._owner, new)
            for alias in version.aliases:
                try:
                    promote(writing, self._owner, name, Promotion(version=number, alias=alias))
                except InvalidRequest as error:  # a name that means something else here
                    self._tell(f"Version {version.version} of {version.model} has no alias {alias!r} here: {error}")

    def _kept(self, store: Store, version: FoundVersion) -> tuple[Manifest, str]:
        """Its files, taken in. Raises NotReadable."""
        files = files_of(store, version.files, MODEL_LIMITS)
        entries = [Entry(path, *self._blobs.keep(pieces)) for path, pieces in files]
        if not entries:
            raise NotReadable(f"not at {version.files or 'any place'}", "There is nothing.")
        return Manifest(entries), self._blobs.keep_manifest(entries)

    def _of_run(self, run_id: str | None) -> dict[str, Any]:
        with self._database.read() as conn:
            row = by_id(conn, run_id) if run_id is not None else None
        if row is None:
            return {}
        shown = to_run(row)
        return {
            "metrics": {name: summary.last for name, summary in shown.metrics.items()},
            "parameters": logged_in(shown.meta),
            "run_id": row.id,
            "run_name": row.name,
            "spec_json": encode(shown.spec),
        }
