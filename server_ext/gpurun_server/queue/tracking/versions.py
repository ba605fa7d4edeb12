"""Versions of registered models: their files are taken into the blobs, and given out from there."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from gpurun_jupyter.core.models import MODEL_LIMITS, ModelVersion, VersionChanges
from gpurun_jupyter.tracking import model_requests as models_asked
from gpurun_jupyter.tracking.fitting import Item, searched
from gpurun_jupyter.tracking.refusals import Refused
from gpurun_server.queue.tracking.artifacts import FOLDER, Listed, no_artifact, parts_of
from gpurun_server.queue.tracking.asking import Asking, page_of, paged
from gpurun_server.queue.tracking.logged_models import LoggedModels
from gpurun_server.queue.tracking.registry import NO_PROMPT, changed, tags_of, version_message
from gpurun_server.queue.tracking.run_messages import roots_of
from gpurun_server.store.models import changes
from gpurun_server.store.models.changes import Registration
from gpurun_server.store.models.files import said, take_in
from gpurun_server.store.models.models import version_shown
from gpurun_server.store.models.named import named_models
from gpurun_server.store.models.of_run import of_run

_MS = 1000
#: The first part of the addresses of versions' files, where others have the id of a run.
MODELS = "models"
_ARTIFACTS = re.compile(r"(?:https?://.*/mlflow-artifacts/artifacts|mlflow-artifacts:(?://[^/]+)?)/(.+)")
_LOGGED = re.compile(r"models:/+(m-[^/@]+)/?")
_VERSION = re.compile(r"models:/+([^/@]+)(?:/|@)([^/@]+)/?")
_NEWEST = ("last_updated_timestamp DESC",)
_OF_RUN = re.compile(r"runs:/+([^/]+)/(.+)")


class Versions:
    """What clients ask of versions, and change."""

    def __init__(self, asking: Asking, logged: LoggedModels) -> None:
        self._asking = asking
        self._logged = logged

    def create_version(self, request: models_asked.CreateVersion) -> dict[str, Any]:
        """The next version, of files that are here: a run's artifacts, a logged model's, or those of a version."""
        source = self._address(request.source)
        tags = [f"{tag.key}={tag.value}" if tag.value else tag.key for tag in request.tags]
        new = self._from_version(request, *source[1:3]) if source[0] == MODELS else self._from_run(request, source)
        new.tags, new.description = tags, request.description
        with self._asking.write() as writing:
            number, _ = changes.register(writing, self._asking.owner, new)
        return self._shown(request.name, str(number))

    def update_version(self, request: models_asked.UpdateVersion) -> dict[str, Any]:
        """Another description."""
        return self._change(request, VersionChanges(description=request.description))

    def delete_version(self, request: models_asked.OfVersion) -> dict[str, Any]:
        """Forget it."""
        with self._asking.write() as writing:
            changes.delete_version(writing, self._asking.owner, request.name, request.version)
        return {}

    def get_version(self, request: models_asked.OfVersion) -> dict[str, Any]:
        """One by its number."""
        return self._shown(request.name, request.version)

    def get_download_uri(self, request: models_asked.OfVersion) -> dict[str, Any]:
        """Where its files are."""
        found = self._version(request.name, request.version)
        return {"artifact_uri": version_message(found)["source"]}

    def search_versions(self, request: models_asked.SearchModels) -> dict[str, Any]:
        """Those that fit a filter, the newest first where nobody says otherwise."""
        at = page_of(request.page_token)
        with self._asking.read() as conn:
            every = [one for model in named_models(conn, self._asking.owner) for one in model.versions]
        found = searched(every, _item, request.filter, request.order_by or _NEWEST, ("name", "version_number DESC"))
        shown = [version_message(one) for one in found[at : at + request.max_results + 1]]
        return paged("model_versions", shown, at, request.max_results)

    def set_version_tag(self, request: models_asked.VersionTag) -> dict[str, Any]:
        """A tag of a version."""
        found = self._version(request.name, request.version)
        self._change(request, changed(tags_of(found) | {request.key: request.value}))
        return {}

    def delete_version_tag(self, request: models_asked.VersionTag) -> dict[str, Any]:
        """No such tag any more."""
        found = self._version(request.name, request.version)
        tags = {key: value for key, value in tags_of(found).items() if key != request.key}
        self._change(request, changed(tags))
        return {}

    def listed(self, address: str) -> list[Listed]:
        """What lies in a folder among the files of a version."""
        _, name, number, *below = [*parts_of(address), "", ""][: max(3, len(parts_of(address)))]
        found, inside = self._version(name, number), PurePosixPath(*below)
        manifest = self._asking.blobs.manifest(found.manifest, MODEL_LIMITS)
        sizes: dict[str, int | None] = {}
        for entry in manifest.files:
            path = PurePosixPath(entry.path)
            if path != inside and path.is_relative_to(inside):
                first, *rest = path.relative_to(inside).parts
                sizes[first] = None if rest else entry.size_bytes
        return [Listed(name, size) for name, size in sorted(sizes.items())]

    def file(self, address: str) -> Path:
        """Where a file of a version lies, its bytes looked through. Raises Refused, and BlobDamaged."""
        parts = parts_of(address)
        if len(parts) > 3:
            found, path = self._version(parts[1], parts[2]), "/".join(parts[3:])
            for entry in self._asking.blobs.manifest(found.manifest, MODEL_LIMITS).files:
                if entry.path == path:
                    return self._asking.blobs.verified(entry.digest, said(path))
        raise no_artifact(address)

    def _address(self, source: str) -> list[str]:
        """The parts of the address that a source stands for. Raises Refused for what is not here."""
        if found := _LOGGED.fullmatch(source):
            model = self._logged.model(found[1])
            return [model.root, model.id]
        if found := _VERSION.fullmatch(source):
            return [MODELS, found[1], found[2]]
        if found := _OF_RUN.fullmatch(source):
            with self._asking.read() as conn:
                row = self._asking.run(conn, found[1])
                return [roots_of(conn, [row])[row.id], row.id, *parts_of(found[2])]
        if (found := _ARTIFACTS.fullmatch(source)) and len(parts := parts_of(found[1])) > 1:
            return parts
        raise Refused(
            f"The files of {source!r} are not here. Log the model with log_model, then register models:/ID, "
            "runs:/RUN/PATH or mlflow-artifacts:/... as the client was told."
        )

    def _from_version(self, request: models_asked.CreateVersion, name: str, number: str = "") -> Registration:
        found = self._version(name, number)
        fields = ("manifest", "file_count", "size_bytes", "type", "framework", "metrics", "parameters", "run_id")
        return Registration(
            name=request.name, run_name=found.run_name, **{field: getattr(found, field) for field in fields}
        )

    def _from_run(self, request: models_asked.CreateVersion, address: list[str]) -> Registration:
        root, *below = address
        with self._asking.read() as conn:
            holder = self._asking.run(conn, root)
            row = self._asking.run(conn, request.run_id) if request.run_id else holder
        folder = self._asking.home.attempt(holder.id, holder.attempt or 1)
        digest, manifest = take_in(self._asking.blobs, folder, "/".join((FOLDER, *below)))
        files: dict[str, Any] = {"file_count": len(manifest.files), "size_bytes": manifest.size_bytes}
        return Registration(name=request.name, manifest=digest, framework="mlflow", **files, **of_run(row))

    def _change(self, request: models_asked.OfVersion, wanted: VersionChanges) -> dict[str, Any]:
        with self._asking.write() as writing:
            changes.change(writing, self._asking.owner, request.name, request.version, wanted)
        return self._shown(request.name, request.version)

    def _version(self, name: str, reference: str) -> ModelVersion:
        with self._asking.read() as conn:
            return version_shown(conn, self._asking.owner, name, reference)

    def _shown(self, name: str, reference: str) -> dict[str, Any]:
        return {"model_version": version_message(self._version(name, reference))}


def _item(version: ModelVersion) -> Item:
    at_ms = float(round(version.created_at * _MS))
    attributes: dict[str, str | float] = {
        "name": version.name,
        "version_number": float(version.version),
        "run_id": version.run_id or "",
        "source_path": str(version_message(version)["source"]),
        "creation_timestamp": at_ms,
        "last_updated_timestamp": at_ms,
    }
    return Item(attributes, NO_PROMPT | tags_of(version))
