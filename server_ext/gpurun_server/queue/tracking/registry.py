"""Registered models: those of our registry under MLflow's words, in which stages are aliases."""

from __future__ import annotations

from typing import Any

from gpurun_jupyter.core.models import LATEST, ModelVersion, Promotion, VersionChanges
from gpurun_jupyter.tracking import model_requests as models_asked
from gpurun_jupyter.tracking.answers import pairs
from gpurun_jupyter.tracking.fitting import Item, searched
from gpurun_jupyter.tracking.refusals import EXISTS, NOT_FOUND, Refused
from gpurun_server.queue.tracking.asking import Asking, page_of, paged
from gpurun_server.store.models import changes, named
from gpurun_server.store.models.models import version_shown
from gpurun_server.store.models.named import NamedModel, named_models

_MS = 1000
#: The tag of a version that says which files it has.
MANIFEST = "gpurun.manifest"
#: Clients ask for models that are no prompts, which MLflow keeps in its registry, too.
NO_PROMPT = {"mlflow.prompt.is_prompt": "false"}
_NO_STAGE = "None"
#: Stages as MLflow calls them, by the aliases that they are.
_STAGES = {"staging": "Staging", "production": "Production", "archived": "Archived"}


class Registry:
    """What clients ask of registered models, and change; versions.py has what belongs to one version."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def create_model(self, request: models_asked.CreateModel) -> dict[str, Any]:
        """A model without versions. Raises Refused where there is one."""
        tags, owner = {tag.key: tag.value for tag in request.tags}, self._asking.owner
        with self._asking.write() as writing:
            if not named.create(writing, owner, request.name, request.description, tags):
                raise Refused(f"The model {request.name!r} is there already.", EXISTS)
        return self._shown(request.name)

    def get_model(self, request: models_asked.OfModel) -> dict[str, Any]:
        """One by its name."""
        return self._shown(request.name)

    def search_models(self, request: models_asked.SearchModels) -> dict[str, Any]:
        """Those that fit a filter, by name where nobody says otherwise."""
        at = page_of(request.page_token)
        with self._asking.read() as conn:
            every = named_models(conn, self._asking.owner)
        found = searched(every, _item, request.filter, [_in_our_words(text) for text in request.order_by], ("name",))
        shown = [model_message(one) for one in found[at : at + request.max_results + 1]]
        return paged("registered_models", shown, at, request.max_results)

    def update_model(self, request: models_asked.UpdateModel) -> dict[str, Any]:
        """Another description."""
        with self._asking.write() as writing:
            named.describe(writing, self._asking.owner, request.name, description=request.description)
        return self._shown(request.name)

    def rename_model(self, request: models_asked.RenameModel) -> dict[str, Any]:
        """Refused: runs and notebooks know it by its name."""
        raise Refused(
            f"A model keeps its name. Register its versions as {request.new_name!r}: "
            f"create_model_version with the source models:/{request.name}/1."
        )

    def delete_model(self, request: models_asked.OfModel) -> dict[str, Any]:
        """Forget it and its versions."""
        with self._asking.write() as writing:
            named.forget(writing, self._asking.owner, request.name)
        return {}

    def get_latest_versions(self, request: models_asked.LatestVersions) -> dict[str, Any]:
        """The newest version of each stage, or of those that are asked for."""
        stages = {stage.lower() for stage in request.stages}
        newest = _newest_of_stages(self._model(request.name))
        found = [one for one in newest if not stages or stage_of(one).lower() in stages]
        return {"model_versions": [version_message(one) for one in found]}

    def set_model_tag(self, request: models_asked.ModelTag) -> dict[str, Any]:
        """A tag of the model as a whole."""
        tags = self._model(request.name).tags | {request.key: request.value}
        with self._asking.write() as writing:
            named.describe(writing, self._asking.owner, request.name, tags=tags)
        return {}

    def delete_model_tag(self, request: models_asked.ModelTag) -> dict[str, Any]:
        """No such tag any more."""
        tags = {key: value for key, value in self._model(request.name).tags.items() if key != request.key}
        with self._asking.write() as writing:
            named.describe(writing, self._asking.owner, request.name, tags=tags)
        return {}

    def set_alias(self, request: models_asked.ModelAlias) -> dict[str, Any]:
        """Let an alias point to a version."""
        with self._asking.write() as writing:
            wanted = Promotion(request.version, request.alias)
            changes.promote(writing, self._asking.owner, request.name, wanted)
        return {}

    def delete_alias(self, request: models_asked.ModelAlias) -> dict[str, Any]:
        """Take an alias away."""
        with self._asking.write() as writing:
            changes.drop_alias(writing, self._asking.owner, request.name, request.alias)
        return {}

    def get_version_by_alias(self, request: models_asked.ModelAlias) -> dict[str, Any]:
        """The version that an alias points to; `latest` is the newest."""
        model = self._model(request.name)
        if request.alias != LATEST and request.alias not in model.aliases:
            raise Refused(f"The model {request.name} has no alias {request.alias!r}.", NOT_FOUND)
        with self._asking.read() as conn:
            found = version_shown(conn, self._asking.owner, request.name, request.alias)
        return {"model_version": version_message(found)}

    def transition_stage(self, request: models_asked.Stage) -> dict[str, Any]:
        """A stage is an alias: it is set, or all of them are taken away; what had it before has it no more."""
        stage, owner = request.stage.lower(), self._asking.owner
        if stage not in (*_STAGES, _NO_STAGE.lower()):
            raise Refused(f"{request.stage!r} is no stage; there are {', '.join((_NO_STAGE, *_STAGES.values()))}.")
        with self._asking.write() as writing:
            found = version_shown(writing.conn, owner, request.name, request.version)
            for alias in set(found.aliases) & set(_STAGES) - {stage}:
                changes.drop_alias(writing, owner, request.name, alias)
            if stage in _STAGES:
                changes.promote(writing, owner, request.name, Promotion(found.version, stage))
            shown = version_shown(writing.conn, owner, request.name, request.version)
        said = f"The stage {request.stage} is the alias {stage!r} here." if stage in _STAGES else ""
        return {"model_version": version_message(shown, said)}

    def _model(self, name: str) -> NamedModel:
        with self._asking.read() as conn:
            found = named_models(conn, self._asking.owner, name)
        if not found:
            raise Refused(f"You have no registered model {name!r}; search_registered_models lists yours.", NOT_FOUND)
        return found[0]

    def _shown(self, name: str) -> dict[str, Any]:
        return {"registered_model": model_message(self._model(name))}


def tags_of(version: ModelVersion) -> dict[str, str]:
    """Our tags are words, or `key=value`."""
    return {key: value for key, _, value in (tag.partition("=") for tag in version.tags)}


def stage_of(version: ModelVersion) -> str:
    """The stage that its aliases say."""
    if version.status == "archived":
        return "Archived"
    return next((stage for alias, stage in _STAGES.items() if alias in version.aliases), _NO_STAGE)


def version_message(version: ModelVersion, said: str = "") -> dict[str, Any]:
    """ModelVersion; `said` is what there is to say of it beside."""
    at_ms = round(version.created_at * _MS)
    return {
        "name": version.name,
        "version": str(version.version),
        "creation_timestamp": at_ms,
        "last_updated_timestamp": at_ms,
        "user_id": version.owner,
        "current_stage": stage_of(version),
        "description": version.description,
        "source": f"mlflow-artifacts:/models/{version.name}/{version.version}",
        "run_id": version.run_id or "",
        "status": "READY",
        "status_message": said,
        "tags": pairs({**tags_of(version), MANIFEST: version.manifest}),
        "aliases": version.aliases,
    }


def model_message(model: NamedModel) -> dict[str, Any]:
    """RegisteredModel."""
    return {
        "name": model.name,
        "creation_timestamp": round(model.created_at * _MS),
        "last_updated_timestamp": round(model.updated_at * _MS),
        "description": model.description,
        "latest_versions": [version_message(one) for one in _newest_of_stages(model)],
        "tags": pairs(model.tags),
        "aliases": [{"alias": alias, "version": str(number)} for alias, number in model.aliases.items()],
    }


def _newest_of_stages(model: NamedModel) -> list[ModelVersion]:
    """The newest version of each stage that any has."""
    newest: dict[str, ModelVersion] = {}
    for version in model.versions:  # the newest first
        newest.setdefault(stage_of(version), version)
    return list(newest.values())


def changed(tags: dict[str, str]) -> VersionChanges:
    """Other tags of a version, as ours are written."""
    return VersionChanges(tags=[f"{key}={value}" if value else key for key, value in tags.items()])


def _item(model: NamedModel) -> Item:
    updated_ms = float(round(model.updated_at * _MS))
    return Item({"name": model.name, "last_updated_timestamp": updated_ms}, NO_PROMPT | model.tags)


def _in_our_words(text: str) -> str:
    return text.replace("timestamp ", "last_updated_timestamp ") if text.startswith("timestamp ") else text
