"""Models: named things in the registry, each with versions (1, 2, 3, ...), to which aliases such as `release` point."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.formats.archives import Limits
from gpurun_jupyter.core.manifests import Digest, Entry
from gpurun_jupyter.core.names import Text
from gpurun_jupyter.core.numbers import Number

#: What a version may hold.
MODEL_LIMITS = Limits(files=100_000, total_bytes=2**42)

#: The alias that every model has: its newest version.
LATEST = "latest"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NUMBER = re.compile(r"v?([1-9][0-9]{0,8})")
#: Routes of a model, and the alias that nobody sets.
_RESERVED = {LATEST, "aliases", "compare", "promote"}
_ALLOWED = "Use letters, digits, '.', '_' and '-', 100 at most, a letter or a digit first."

Status = Literal["ready", "archived"]
Mode = Literal["max", "min"]


def check_model_name(name: str) -> str:
    """The name, if a model may have it. Raises InvalidRequest."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{name!r} cannot be the name of a model.", _ALLOWED)
    return name


def check_alias(alias: str) -> str:
    """The alias, if there may be such a one. Raises InvalidRequest."""
    if not _NAME.fullmatch(alias) or alias in _RESERVED or version_number(alias):
        hint = f"{_ALLOWED} Numbers, v1, v2, ... and {', '.join(sorted(_RESERVED))} mean something else."
        raise InvalidRequest(f"{alias!r} cannot be an alias.", hint)
    return alias


def version_number(text: str) -> int | None:
    """The number in `4` or `v4`; None for an alias."""
    found = _NUMBER.fullmatch(text)
    return int(found[1]) if found else None


class ModelFile(msgspec.Struct):
    """A file of a version: its path with slashes, its sha256, its size in bytes, and whether it may be run."""

    path: str
    digest: Digest
    size_bytes: int
    executable: bool = False

    @classmethod
    def of(cls, entry: Entry) -> ModelFile:
        """What an entry of a manifest says."""
        return cls(entry.path, entry.digest, entry.size_bytes, entry.executable)


class ModelVersion(msgspec.Struct, kw_only=True):
    """A version of a model. `spec` (what the run was asked to do) and `files` only where one version is asked for."""

    name: str
    version: int
    aliases: list[str]
    type: str
    framework: str
    status: Status
    description: str
    metrics: dict[str, Number]
    tags: list[str]
    parameters: dict[str, str]
    run_id: str | None  # the run that it came from; it may have been deleted since
    run_name: str | None
    manifest: Digest
    size_bytes: int
    file_count: int
    owner: str
    created_at: float
    files: list[ModelFile] | None = None
    spec: dict[str, Any] | None = None


class ModelSummary(msgspec.Struct, kw_only=True):
    """A model in a list; type, framework, status and metrics are those of its newest version, `latest`."""

    name: str
    type: str
    framework: str
    latest: int
    status: Status
    aliases: dict[str, int]
    metrics: dict[str, Number]
    versions: int
    updated_at: float


class Model(msgspec.Struct, kw_only=True):
    """A model with its versions, the newest first; otherwise as ModelSummary."""

    name: str
    type: str
    framework: str
    latest: int
    status: Status
    aliases: dict[str, int]
    metrics: dict[str, Number]
    versions: list[ModelVersion]
    updated_at: float


class VersionDifference(msgspec.Struct):
    """Something in which two versions differ: what, and how it is in each, None where it is missing."""

    name: str
    a: float | str | None
    b: float | str | None


class VersionComparison(msgspec.Struct):
    """Two versions: every metric of either, and what else differs; files by their sha256."""

    a: ModelVersion
    b: ModelVersion
    metrics: list[VersionDifference]
    facts: list[VersionDifference]
    parameters: list[VersionDifference]
    files: list[VersionDifference]


class Best(msgspec.Struct, forbid_unknown_fields=True):
    """The run of a project whose last value of the metric is the largest, or the smallest."""

    metric: str
    mode: Mode = "max"
    project: str | None = None


class NewVersion(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is registered: a `manifest` whose blobs are there, or what lies at `path` among the files of a run.

    The run is named by `run`, or is the best one by a metric. What is left out is the run's: metrics and parameters.
    """

    name: str
    manifest: Digest | None = None
    run: str | None = None
    best: Best | None = None
    path: str | None = None
    type: Text = ""
    framework: Text = ""
    description: Text = ""
    metrics: dict[Text, Number] = {}
    tags: list[Text] = []
    parameters: dict[Text, Text] = {}
    alias: str | None = None

    def check(self) -> None:
        """What the types cannot say. Raises InvalidRequest."""
        check_model_name(self.name)
        if self.alias is not None:
            check_alias(self.alias)
        if self.run is not None and self.best is not None:
            raise InvalidRequest("The run is named, or it is the best one, not both.", "Leave one out.")
        from_run = self.run is not None or self.best is not None
        if (self.manifest is None) != (self.path is not None and from_run):
            raise InvalidRequest(
                "There is nothing to register.", "Name a file or folder to send, or a run and a path among its files."
            )


class VersionChanges(msgspec.Struct, forbid_unknown_fields=True):
    """New values for a version; what is left out stays as it is."""

    status: Status | None = None
    description: Text | None = None
    tags: list[Text] | None = None
    type: Text | None = None
    framework: Text | None = None


class Promotion(msgspec.Struct, forbid_unknown_fields=True):
    """Which version the alias is to point to.

    With `replaces`, only if it points to that one until now (0: to none), so that of two people who promote at once
    one is told.
    """

    version: int | str
    alias: str = "release"
    replaces: int | None = None
