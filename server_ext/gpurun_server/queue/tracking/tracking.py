"""The answers to clients of MLflow, for one person: which object answers what, and errors in the clients' words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.tracking.endpoints import PREFIX, Endpoint, endpoint_at
from gpurun_jupyter.tracking.refusals import Refused, refusal_of
from gpurun_server.queue.tracking.artifacts import Artifacts, ArtifactUpload
from gpurun_server.queue.tracking.asking import Asking
from gpurun_server.queue.tracking.experiments import Experiments
from gpurun_server.queue.tracking.inputs import Inputs
from gpurun_server.queue.tracking.log_writing import LogWriting
from gpurun_server.queue.tracking.logged_models import LoggedModels
from gpurun_server.queue.tracking.registry import Registry
from gpurun_server.queue.tracking.run_changes import RunChanges
from gpurun_server.queue.tracking.runs import Runs
from gpurun_server.queue.tracking.versions import MODELS, Versions
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import Database

_ARTIFACTS = re.compile(PREFIX + r"mlflow-artifacts/artifacts(?:/(.*))?", re.DOTALL)


class Answered(NamedTuple):
    """An answer: its body, or the file whose bytes it is."""

    status: int
    body: bytes = b""
    file: Path | None = None


class Tracking:
    """All that a person's clients ask; each endpoint is a method of one of these, by the endpoint's name."""

    def __init__(self, asking: Asking) -> None:
        changes = RunChanges(asking)
        self.artifacts = Artifacts(asking)
        logged = LoggedModels(asking, changes, self.artifacts)
        self.versions = Versions(asking, logged)
        self._subjects = (
            Experiments(asking),
            Runs(asking),
            changes,
            Inputs(changes),
            self.artifacts,
            logged,
            Registry(asking),
            self.versions,
        )

    def method(self, name: str) -> Callable[[Any], dict[str, Any]]:
        """What answers an endpoint."""
        found: Callable[[Any], dict[str, Any]] = next(
            getattr(subject, name) for subject in self._subjects if hasattr(subject, name)
        )
        return found

    def answer(self, endpoint: Endpoint) -> dict[str, Any]:
        """The answer to a request, to be encoded. Raises Refused and GpurunError."""
        return self.method(endpoint.name)(endpoint.request)

    def upload(self, address: str) -> ArtifactUpload:
        """Begin to receive an artifact. Raises Refused."""
        if address.partition("/")[0] == MODELS:
            raise Refused("The files of a registered version stay as they are; register another version.")
        return self.artifacts.upload(address)

    def answer_artifacts(self, method: str, address: str, listed: str | None) -> Answered:
        """A file, what a folder holds, or the end of either. Raises Refused and GpurunError."""
        if method == "GET":
            place = listed if listed is not None else address
            holder = self.versions if place.partition("/")[0] == MODELS else self.artifacts
            if listed is None and address:
                return Answered(200, file=holder.file(address))
            files = [one.message(one.name) for one in holder.listed(place)] if place else []
            return _encoded({"files": files})
        if method == "DELETE" and address.partition("/")[0] != MODELS:
            self.artifacts.delete(address)
            return _encoded({})
        raise Refused(f"{method} does nothing at mlflow-artifacts/artifacts/{address}.")


def answer(
    home: Home,
    database: Database,
    blobs: Blobs,
    owner: str,
    method: str,
    path: str,
    query: Mapping[str, Sequence[str]],
    body: bytes,
    logs: LogWriting | None = None,
) -> Answered:
    """What a client is answered, errors included; `path` is what follows the address of the door.

    `logs` is what a server keeps, so that logging does not wait for the database; without it, it does.
    """
    writing = logs or LogWriting(home, database)
    try:
        found = _answer(Tracking(Asking(home, database, blobs, owner, writing)), method, path, query, body)
        if logs is None:
            writing.take_in()
    except Refused as refused:
        return refusal(refused)
    except GpurunError as error:
        return refusal(refusal_of(error))
    return found


def refusal(refused: Refused) -> Answered:
    """The same as an answer."""
    return _encoded(refused.body, refused.status)


def address_in(path: str) -> str | None:
    """The address of an artifact in a path; empty where only a list is asked for, None for any other path."""
    found = _ARTIFACTS.fullmatch(path)
    return None if found is None else unquote(found[1] or "")


def _answer(tracking: Tracking, method: str, path: str, query: Mapping[str, Sequence[str]], body: bytes) -> Answered:
    if (address := address_in(path)) is not None:
        listed = query.get("path")
        return tracking.answer_artifacts(method, address, listed[-1] if listed else None)
    return _encoded(tracking.answer(endpoint_at(method, path, query, body)))


def _encoded(value: Any, status: int = 200) -> Answered:
    return Answered(status, msgspec.json.encode(value))
