"""What a tracking server knows, asked by its REST interface from the machine of our server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from gpurun_jupyter.core.errors import TrackingFailed, TrackingUnreachable
from gpurun_jupyter.core.remote import is_loopback
from gpurun_jupyter.core.system.tracking_server import PROXIED, PROXY, TrackingServer, shown
from gpurun_jupyter.report.file_names import as_text
from gpurun_server.queue.intake.mlflow.found import (
    FoundRun,
    FoundVersion,
    NotReadable,
    Point,
    StoredFile,
    as_number,
    in_order,
    said_deleted,
    with_stages,
)
from gpurun_server.queue.intake.mlflow.local_files import local_files

_PAGE, _POINTS = 1000, 25_000  # the most that a server gives at once
_MODELS_PAGE = 100
_DEEPEST = 64  # folders in one another

Listing = Callable[[str], list[dict[str, Any]]]


class ServerStore:
    """A Store. Its methods also raise TrackingFailed and TrackingUnreachable."""

    def __init__(self, server: TrackingServer) -> None:
        self._server = server
        self._logged: dict[str, list[str]] = {}  # the ids of the models that a run logged
        self._is_here = is_loopback(urlsplit(server.url).hostname or "")
        self.name = server.url

    def runs(self) -> list[FoundRun]:
        """All that were not deleted."""
        return [
            self._run(found, str(experiment.get("name", "")))
            for experiment in self._experiments("ACTIVE_ONLY")
            for found in self._runs(experiment, "ACTIVE_ONLY")
        ]

    def points(self, run: FoundRun) -> Iterator[Point]:
        """All that a run has measured, in the order of time and steps."""
        return in_order(point for latest in run.latest for point in self._points(run.id, latest.name))

    def models(self, run: FoundRun) -> Iterator[tuple[str, str]]:
        """The models that a run logged, by their names, each with its URI: since MLflow 3 they lie apart."""
        for model_id in self._logged.get(run.id, []):
            try:
                info = self._server.get(f"logged-models/{model_id}").get("model", {}).get("info", {})
            except TrackingUnreachable:
                raise
            except TrackingFailed:  # it was deleted
                continue
            yield str(info.get("name", model_id)), str(info.get("artifact_uri", ""))

    def files(self, uri: str, run: FoundRun | None) -> Iterator[StoredFile]:
        """What lies at a URI, of this run where it belongs to one. Raises NotReadable."""
        parts = urlsplit(uri)
        if parts.scheme == PROXIED:
            root = unquote(parts.path).strip("/")
            return self._below(
                lambda path: self._server.listed(f"{root}/{path}".rstrip("/")),
                lambda path: self._server.pieces(f"{PROXY}/{root}/{path}"),
            )
        if self._is_here:  # no other machine names paths of this one
            with contextlib.suppress(NotReadable):
                return iter([*local_files(uri, Path("/"))])
        if run is None or uri != run.artifacts:
            where = f"in {shown(uri)}, which the tracking server does not hand out"
            raise NotReadable(where, "Start it with --serve-artifacts, and import again.")
        # it has the keys to where they are, and hands them to its own pages
        return self._below(
            lambda path: self._listed(run.id, path),
            lambda path: self._server.pieces("get-artifact", run_id=run.id, path=path),
        )

    def versions(self) -> Iterator[FoundVersion]:
        """The versions of registered models, of each the oldest first."""
        aliases: dict[tuple[str, int], list[str]] = {}
        models = self._server.pages("GET", "registered-models/search", "registered_models", max_results=_MODELS_PAGE)
        for model in models:
            for one in model.get("aliases", []):
                aliases.setdefault((model["name"], int(one["version"])), []).append(str(one["alias"]))
        asked = self._server.pages("GET", "model-versions/search", "model_versions", max_results=_PAGE)
        found = {(str(one["name"]), int(one["version"])): one for one in asked if one.get("status", "READY") == "READY"}
        named = with_stages({key: one.get("current_stage") for key, one in found.items()}, aliases)
        for (name, number), one in sorted(found.items()):
            yield FoundVersion(
                model=name,
                version=number,
                description=one.get("description", ""),
                tags=_pairs(one.get("tags", [])),
                run_id=one.get("run_id") or None,
                files=self._place(name, number) or one.get("source", ""),
                aliases=named[name, number],
            )

    def deleted(self) -> str:
        """What was deleted there and is left out, in a sentence; else nothing."""
        of_active = (self._runs(one, "DELETED_ONLY") for one in self._experiments("ACTIVE_ONLY"))
        return said_deleted(sum(1 for runs in of_active for _ in runs), len([*self._experiments("DELETED_ONLY")]))

    def close(self) -> None:
        """Let go of it."""
        self._server.close()

    def _experiments(self, view: str) -> Iterator[dict[str, Any]]:
        return self._server.pages("GET", "experiments/search", "experiments", max_results=_PAGE, view_type=view)

    def _runs(self, experiment: dict[str, Any], view: str) -> Iterator[dict[str, Any]]:
        asked = {"experiment_ids": [experiment["experiment_id"]], "run_view_type": view, "max_results": _PAGE}
        return self._server.pages("POST", "runs/search", "runs", **asked)

    def _run(self, found: dict[str, Any], experiment: str) -> FoundRun:
        info, data = found["info"], found.get("data", {})
        run_id = info.get("run_id") or info["run_uuid"]
        self._logged[run_id] = [one["model_id"] for one in found.get("outputs", {}).get("model_outputs", [])]
        return FoundRun(
            id=run_id,
            experiment=experiment,
            name=info.get("run_name", ""),
            status=info.get("status", "RUNNING"),
            started_ms=_whole(info.get("start_time")),
            ended_ms=_whole(info.get("end_time")),
            parameters=_pairs(data.get("params", [])),
            tags=_pairs(data.get("tags", [])),
            latest=[_point(one) for one in data.get("metrics", [])],
            artifacts=info.get("artifact_uri", ""),
        )

    def _place(self, name: str, number: int) -> str:
        """Where the files of a version are."""
        found = self._server.get("model-versions/get-download-uri", name=name, version=str(number))
        return str(found.get("artifact_uri", ""))

    def _points(self, run_id: str, name: str) -> Iterator[Point]:
        asked = {"run_id": run_id, "metric_key": name, "max_results": _POINTS}
        return map(_point, self._server.pages("GET", "metrics/get-history", "metrics", **asked))

    def _listed(self, run_id: str, path: str) -> list[dict[str, Any]]:
        """As in a listing of artifacts that are handed out, where each has its name alone."""
        files = self._server.pages("GET", "artifacts/list", "files", run_id=run_id, **({"path": path} if path else {}))
        return [file | {"path": file["path"].rpartition("/")[2]} for file in files]

    def _below(
        self, listed: Listing, pieces: Callable[[str], Iterator[bytes]], folder: str = "", depth: int = 0
    ) -> Iterator[StoredFile]:
        for file in listed(folder):
            path = f"{folder}/{file['path']}".lstrip("/")
            if not file.get("is_dir"):
                yield StoredFile(as_text(path), partial(pieces, path))
            elif depth < _DEEPEST:
                yield from self._below(listed, pieces, path, depth + 1)


def _point(found: dict[str, Any]) -> Point:
    at_ms, step = _whole(found.get("timestamp")) or 0, _whole(found.get("step")) or 0
    return Point(str(found["key"]), as_number(found.get("value", 0.0)), step, at_ms / 1000)


def _pairs(found: list[dict[str, Any]]) -> dict[str, str]:
    return {str(one["key"]): str(one.get("value", "")) for one in found}


def _whole(value: Any) -> int | None:
    """A number, which JSON of protobuf may write as a text."""
    return None if value is None else int(value)
