"""What clients of MLflow ask of models: those that were logged, and the registry. requests.py has the rest."""

from __future__ import annotations

from typing import Any

import msgspec

from gpurun_jupyter.core.names import Text
from gpurun_jupyter.tracking.requests import Key, Most, Param, Request, Tag, Value


class CreateLoggedModel(Request, kw_only=True):
    """`logged-models`."""

    experiment_id: Text = "0"
    name: Text = ""
    model_type: Text = ""
    source_run_id: Text = ""
    params: list[Param] = msgspec.field(default_factory=list)
    tags: list[Tag] = msgspec.field(default_factory=list)


class OfLoggedModel(Request, kw_only=True):
    """A request about one of them."""

    model_id: Text


class FinalizeLoggedModel(OfLoggedModel, kw_only=True):
    """Its end: `LOGGED_MODEL_READY`, or that its upload failed."""

    status: Text = "LOGGED_MODEL_READY"


class LoggedModelTags(OfLoggedModel, kw_only=True):
    """New tags."""

    tags: list[Tag] = msgspec.field(default_factory=list)


class LoggedModelTag(OfLoggedModel, kw_only=True):
    """One tag of it."""

    tag_key: Key


class LoggedModelParams(OfLoggedModel, kw_only=True):
    """Its parameters."""

    params: list[Param] = msgspec.field(default_factory=list)


class SearchLoggedModels(Request, kw_only=True):
    """`logged-models/search`."""

    experiment_ids: list[Text] = msgspec.field(default_factory=list)
    filter: Text = ""
    max_results: Most = 100
    order_by: list[dict[str, Any]] = msgspec.field(default_factory=list)
    page_token: str = ""


class LoggedModelArtifacts(OfLoggedModel, kw_only=True):
    """`logged-models/ID/artifacts/directories`."""

    artifact_directory_path: Text = ""


class OfModel(Request, kw_only=True):
    """A request about one registered model."""

    name: Text


class CreateModel(OfModel, kw_only=True):
    """`registered-models/create`."""

    description: Value = ""
    tags: list[Tag] = msgspec.field(default_factory=list)


class RenameModel(OfModel, kw_only=True):
    """`registered-models/rename`."""

    new_name: Text = ""


class UpdateModel(OfModel, kw_only=True):
    """`registered-models/update`."""

    description: Value = ""


class ModelTag(OfModel, kw_only=True):
    """A tag of a registered model."""

    key: Key
    value: Value = ""


class SearchModels(Request, kw_only=True):
    """`registered-models/search` and `model-versions/search`."""

    filter: Text = ""
    max_results: Most = 100
    order_by: list[Text] = msgspec.field(default_factory=list)
    page_token: str = ""


class LatestVersions(OfModel, kw_only=True):
    """`registered-models/get-latest-versions`."""

    stages: list[Text] = msgspec.field(default_factory=list)


class ModelAlias(OfModel, kw_only=True):
    """`registered-models/alias`."""

    alias: Text
    version: Text = ""


class CreateVersion(OfModel, kw_only=True):
    """`model-versions/create`: `source` is where its files are, `model_id` the logged model that it is."""

    source: Text = ""
    run_id: Text = ""
    tags: list[Tag] = msgspec.field(default_factory=list)
    description: Value = ""
    model_id: Text = ""


class OfVersion(OfModel, kw_only=True):
    """A request about one version."""

    version: Text


class UpdateVersion(OfVersion, kw_only=True):
    """`model-versions/update`."""

    description: Value = ""


class VersionTag(OfVersion, kw_only=True):
    """A tag of a version."""

    key: Key
    value: Value = ""


class Stage(OfVersion, kw_only=True):
    """`model-versions/transition-stage`: stages are aliases here."""

    stage: Text = ""
    archive_existing_versions: bool = False
