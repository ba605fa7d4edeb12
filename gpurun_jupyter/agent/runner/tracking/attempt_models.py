"""Models that an attempt's code logs with MLflow: files among its artifacts, and versions in gpurun's registry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from gpurun_jupyter.agent.runner.tracking.artifacts import Artifacts, Elsewhere
from gpurun_jupyter.agent.runner.tracking.attempt_runs import AttemptRuns
from gpurun_jupyter.agent.runner.tracking.logged_run import Tell
from gpurun_jupyter.core.events import Model
from gpurun_jupyter.core.questions import Answer, Question
from gpurun_jupyter.report.models import kept_files
from gpurun_jupyter.tracking import model_requests as models_asked
from gpurun_jupyter.tracking import requests as asked
from gpurun_jupyter.tracking.logged_models import LoggedModel, new_model_id
from gpurun_jupyter.tracking.refusals import Refused

Ask = Callable[[Question], Awaitable[Answer]]
Answered = dict[str, Any]

_SCHEME, _OF_MODEL = "mlflow-artifacts:/", "models:/"
#: The tag of a version that says which files it has.
MANIFEST_TAG = "gpurun.manifest"


class AttemptModels:
    """Answers by the names of `tracking/endpoints.py`; `ask` asks the server, `blobs` is where files are kept."""

    def __init__(self, runs: AttemptRuns, artifacts: Artifacts, tell: Tell, ask: Ask, blobs: Path) -> None:
        self._runs = runs
        self._artifacts = artifacts
        self._tell = tell
        self._ask = ask
        self._blobs = blobs
        self._models: dict[str, LoggedModel] = {}

    def create_logged_model(self, request: models_asked.CreateLoggedModel) -> Answered:
        """A new one, of the run that is named or else of the run itself."""
        run = self._runs.run(request.source_run_id) if request.source_run_id else self._runs.itself
        now = round(time.time() * 1000)
        model = LoggedModel(
            id=new_model_id(),
            name=request.name or "model",
            root=self._runs.itself.said.id,
            experiment_id=run.said.experiment_id,
            run=run.said.id,
            type=request.model_type,
            created_ms=now,
            updated_ms=now,
            params={param.key: param.value for param in request.params},
            tags={tag.key: tag.value for tag in request.tags},
        )
        self._models[model.id] = model
        return self._told(model)

    def get_logged_model(self, request: models_asked.OfLoggedModel) -> Answered:
        """Raises Elsewhere, as all that follow."""
        return {"model": self._model(request.model_id).message}

    def finalize_logged_model(self, request: models_asked.FinalizeLoggedModel) -> Answered:
        """All of it is there, or never will be."""
        model = self._model(request.model_id)
        model.status = request.status
        return self._told(model)

    def set_logged_model_tags(self, request: models_asked.LoggedModelTags) -> Answered:
        """Tags."""
        model = self._model(request.model_id)
        model.tags.update({tag.key: tag.value for tag in request.tags})
        return self._told(model)

    def delete_logged_model_tag(self, request: models_asked.LoggedModelTag) -> Answered:
        """Take one away."""
        model = self._model(request.model_id)
        model.tags.pop(request.tag_key, None)
        return self._told(model)

    def log_logged_model_params(self, request: models_asked.LoggedModelParams) -> Answered:
        """Parameters."""
        model = self._model(request.model_id)
        model.params.update({param.key: param.value for param in request.params})
        return self._told(model)

    def list_logged_model(self, request: models_asked.LoggedModelArtifacts) -> Answered:
        """Its files."""
        model, path = self._model(request.model_id), request.artifact_directory_path
        folder = self._artifacts.of(model.id, path)
        files = self._artifacts.listed(folder, f"{path.rstrip('/')}/" if path else "")
        return {"root_uri": model.message["info"]["artifact_uri"], "files": files}

    def create_model(self, request: models_asked.CreateModel) -> Answered:
        """Its first version makes it: nothing has to be asked, so that a cut does not keep a model from being saved."""
        now = round(time.time() * 1000)
        said = {"name": request.name, "description": request.description, "tags": [], "latest_versions": []}
        return {"registered_model": {**said, "creation_timestamp": now, "last_updated_timestamp": now}}

    async def create_version(self, request: models_asked.CreateVersion) -> Answered:
        """Register files of this run; told as an event, so that it comes to be however long the server is away.

        Which number it has the server says. Raises Elsewhere for other files, and Refused.
        """
        place = self._source(request)
        try:
            kept = await asyncio.to_thread(kept_files, self._blobs, place)
        except FileNotFoundError:
            raise Refused(f"There are no files at {request.source}; log the model first.") from None
        said = Model(name=request.name, **kept, type="mlflow", description=request.description)
        self._tell([said])
        return {"model_version": await self._registered(request, said.manifest)}

    def _source(self, request: models_asked.CreateVersion) -> Path:
        model_id = request.model_id or request.source.removeprefix(_OF_MODEL)
        if model_id in self._models:
            return self._artifacts.of(model_id)
        if not request.source.startswith(_SCHEME):
            raise Elsewhere
        return self._artifacts.place(request.source.removeprefix(_SCHEME))

    async def _registered(self, request: models_asked.CreateVersion, manifest: str) -> Answered:
        """The version that became of it. Raises Refused where that is not to be learned now."""
        quoted = request.name.replace("'", "''")
        query = {"filter": [f"name='{quoted}'"], "order_by": ["version_number DESC"]}
        answer = await self._ask(Question("GET", "api/2.0/mlflow/model-versions/search", query))
        said = msgspec.json.decode(answer.body, type=dict[str, Any])
        for version in said.get("model_versions", []):
            if {"key": MANIFEST_TAG, "value": manifest} in version.get("tags", []):
                return dict(version)
        raise Refused(
            f"The model {request.name!r} is registered as soon as its server takes it in; which version it will be is "
            f"not known yet. {said.get('message', '')}".strip()
        )

    def _model(self, model_id: str) -> LoggedModel:
        if (found := self._models.get(model_id)) is None:
            raise Elsewhere
        return found

    def _told(self, model: LoggedModel) -> Answered:
        model.updated_ms = round(time.time() * 1000)
        facts = [asked.Tag(key=key, value=value) for key, value in model.fact.items()]
        self._runs.itself.log(tags=facts)
        return {"model": model.message}
