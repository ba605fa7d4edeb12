"""Runs written to a tracking server of MLflow's, once each: a run there says by its tag `gpurun.run_id` whose it is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from gpurun_jupyter.client.mlflow_words import (
    FINISHED,
    RUN_ID,
    experiment_of,
    milliseconds,
    parameters_of,
    points_of,
    tags_of,
)
from gpurun_jupyter.client.runs import Run
from gpurun_jupyter.core.errors import InvalidRequest, TrackingFailed, TrackingUnreachable
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.system.tracking_server import PROXIED, Address, TrackingServer

#: So many parameters or tags, and so many points, go in one request.
_PAIRS, _POINTS = 100, 1000
_PAGE = 1000
_UNFINISHED = "RUNNING"  # what an export is called there until it is whole
_ARTIFACTS = "mlartifacts"  # the folder of artifacts in a workspace

T = TypeVar("T")


class Exported(NamedTuple):
    """A run there: its address in the pages of MLflow, and whether it is a new one."""

    run: Run
    url: str
    is_new: bool


class Export:
    """To one tracking server; `tell` hears in sentences of what stays here."""

    def __init__(self, uri: str, tell: Callable[[str], None], *, files: bool = False) -> None:
        self._server = TrackingServer(_address(uri))
        self._tell, self._files = tell, files
        self._experiments: list[str] | None = None

    def write(self, runs: Sequence[Run]) -> Iterator[Exported]:
        """Write the runs that are over, the oldest first, so that parents are there before what is nested in them.

        Raises TrackingFailed and TrackingUnreachable.
        """
        for run in sorted(runs, key=lambda run: run.record.created_at):
            if run.refresh().state is not State.FINISHED:
                self._tell(f"{run.name} ({run.id}) is {run.state}: export it when it is over.")
                continue
            there = self._exported(run.id) or self._origin(run)
            written = there or self._written(run)
            url = f"{self._server.url}/#/experiments/{written['experiment_id']}/runs/{written['run_id']}"
            yield Exported(run, url, there is None)

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _exported(self, run_id: str) -> dict[str, Any] | None:
        """What MLflow says of the run that one of ours was written as.

        What is left of an export that was broken off is deleted: it begins anew.
        """
        there = self._there(run_id)
        if there is not None and there["status"] == _UNFINISHED:
            self._server.post("runs/delete", run_id=there["run_id"])
            return None
        return there

    def _there(self, run_id: str) -> dict[str, Any] | None:
        """The same, whether it is whole or not."""
        if self._experiments is None:
            found = self._server.pages("GET", "experiments/search", "experiments", max_results=_PAGE)
            self._experiments = [one["experiment_id"] for one in found]
        asked = {"experiment_ids": self._experiments, "filter": f"tags.`{RUN_ID}` = '{run_id}'", "max_results": 1}
        found = self._server.post("runs/search", **asked).get("runs", []) if self._experiments else []
        return found[0]["info"] if found else None

    def _origin(self, run: Run) -> dict[str, Any] | None:
        """The run there from which it was imported."""
        if (mlflow_id := run.record.meta.get("mlflow.run_id")) is None:
            return None
        try:
            info: dict[str, Any] = self._server.get("runs/get", run_id=str(mlflow_id))["run"]["info"]
        except TrackingUnreachable:
            raise
        except TrackingFailed:  # another server's
            return None
        return info if info.get("lifecycle_stage", "active") == "active" else None

    def _written(self, run: Run) -> dict[str, Any]:
        record = run.record
        assert record.spec is not None  # it was asked for by itself
        tags = {RUN_ID: run.id}
        if (parent := record.spec.parent) is not None and (there := self._there(parent)) is not None:
            tags["mlflow.parentRunId"] = there["run_id"]
        info: dict[str, Any] = self._server.post(
            "runs/create",
            experiment_id=self._experiment(experiment_of(record.project)),
            run_name=run.name,
            user_id=record.owner,
            start_time=milliseconds(record.started_at or record.created_at),
            tags=_pairs(tags),
        )["run"]["info"]
        self._log(run, info["run_id"])
        if self._files:
            self._upload(run, info.get("artifact_uri", ""))
        # last: until then it counts as not exported
        ended = milliseconds(record.finished_at or record.created_at)
        status = FINISHED[record.outcome] if record.outcome else "FINISHED"
        self._server.post("runs/update", run_id=info["run_id"], status=status, end_time=ended)
        return info

    def _experiment(self, name: str) -> str:
        """The experiment of this name, made where there is none. Raises InvalidRequest for one that was deleted."""
        try:
            found = self._server.get("experiments/get-by-name", experiment_name=name)["experiment"]
        except TrackingFailed as error:
            if error.answer != "RESOURCE_DOES_NOT_EXIST":
                raise
            made: str = self._server.post("experiments/create", name=name)["experiment_id"]
            self._experiments = None  # to be asked anew
            return made
        if found.get("lifecycle_stage") == "deleted":
            number = found["experiment_id"]
            raise InvalidRequest(
                f"The experiment {name!r} was deleted there, and its name is taken as long as it can be restored.",
                f"Restore it with `mlflow experiments restore --experiment-id {number}`.",
            )
        return str(found["experiment_id"])

    def _log(self, run: Run, there: str) -> None:
        parameters, tags = parameters_of(run.record), tags_of(run.record)
        for pairs in _portions(parameters.items(), _PAIRS):
            self._server.post("runs/log-batch", run_id=there, params=_pairs(dict(pairs)))
        for pairs in _portions(tags.items(), _PAIRS):
            self._server.post("runs/log-batch", run_id=there, tags=_pairs(dict(pairs)))
        for points in _portions(points_of(run.metrics(), run.record.started_at or 0.0), _POINTS):
            self._server.post("runs/log-batch", run_id=there, metrics=points)

    def _upload(self, run: Run, uri: str) -> None:
        files = [file for file in run.files() if not file.shipped]
        parts = urlsplit(uri)
        if files and parts.scheme != PROXIED:
            where = uri if parts.scheme else f"a folder of its machine, {uri}"
            self._tell(
                f"The files of {run.name} ({run.id}) stay here: the tracking server does not take them itself, but has "
                f"them in {where}. Start it with --serve-artifacts."
            )
            return
        root = unquote(parts.path).strip("/")
        with tempfile.TemporaryDirectory() as folder:
            for file in files:
                place = run.download(file.path, folder)
                self._put(place, f"{root}/{file.path.removeprefix(f'{_ARTIFACTS}/{run.id}/')}", run.name)
                place.unlink()

    def _put(self, place: Path, path: str, of: str) -> None:
        try:
            with place.open("rb") as content:
                self._server.put(path, content)
        except TrackingUnreachable:
            raise
        except TrackingFailed as error:  # it takes no `#` in a name
            self._tell(f"The file {place.name!r} of {of} stays here. {error.message}")


def _address(uri: str) -> Address:
    if uri.partition(":")[0].lower() in ("http", "https"):
        return Address.parse(uri)
    path = Path(uri.removeprefix("sqlite:///"))
    store = uri if "://" in uri else f"sqlite:///{path / 'mlflow.db' if path.is_dir() else path}"
    raise InvalidRequest(
        "gpurun writes to a tracking server, not into the files of one.",
        f"Start one with `mlflow server --backend-store-uri {store}`, and say --to-mlflow http://127.0.0.1:5000.",
    )


def _pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": name, "value": value} for name, value in values.items()]


def _portions(items: Any, size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while portion := list(islice(rest, size)):
        yield portion
