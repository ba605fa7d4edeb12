"""Two versions of a model beside each other."""

from __future__ import annotations

from collections.abc import Mapping

from gpurun_jupyter.core.models import ModelVersion, VersionComparison, VersionDifference

_FACTS = ("type", "framework", "status", "description", "run_name", "size_bytes")


def compare(a: ModelVersion, b: ModelVersion) -> VersionComparison:
    """Every metric of either, and what else differs."""
    return VersionComparison(
        a=a,
        b=b,
        metrics=_beside(a.metrics, b.metrics),
        facts=_different({name: getattr(a, name) for name in _FACTS}, {name: getattr(b, name) for name in _FACTS}),
        parameters=_different(a.parameters, b.parameters),
        files=_different(_digests(a), _digests(b)),
    )


def _beside(a: Mapping[str, float | str], b: Mapping[str, float | str]) -> list[VersionDifference]:
    return [VersionDifference(name, a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b])]


def _different(a: Mapping[str, float | str], b: Mapping[str, float | str]) -> list[VersionDifference]:
    return [row for row in _beside(a, b) if row.a != row.b]


def _digests(version: ModelVersion) -> dict[str, str]:
    return {file.path: file.digest for file in version.files or []}
