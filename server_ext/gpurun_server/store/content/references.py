"""Which blobs are in use: by runs, data sets and versions of models, of everybody."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from gpurun_jupyter.core.data_sets import DATA_LIMITS
from gpurun_jupyter.core.errors import BadArchive
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.manifests import decode
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.store.content.blobs import FRESH_S
from gpurun_server.store.queries import decode_spec
from gpurun_server.store.tables import data_sets, model_versions, runs


def in_use(conn: sa.Connection, home: Home) -> set[str]:
    """The digests of all blobs that something refers to."""
    manifests, found = set[str](), set[str]()
    for table in (runs, model_versions):
        for text in conn.scalars(sa.select(table.c.spec_json).where(table.c.spec_json.is_not(None)).distinct()):
            spec = decode_spec(text)
            manifests |= set(_manifests_of(spec))
            found |= set(_blobs_of(spec))
    for column in (data_sets.c.manifest, model_versions.c.manifest):
        manifests |= set(conn.scalars(sa.select(column)))
    for digest in manifests:
        # a list that is gone or damaged names nothing; what others name is in use still
        with contextlib.suppress(FileNotFoundError, BadArchive):
            found |= decode(home.blob(digest).read_bytes(), DATA_LIMITS).blobs().keys()
    return found | manifests


def unused(home: Home, used: set[str]) -> Iterator[tuple[Path, int]]:
    """The blobs that nothing refers to and nobody has asked for in the last while, with their sizes."""
    limit = time.time() - FRESH_S
    for folder in home.blobs.glob("??"):
        for entry in os.scandir(folder):
            # names with an ending are put aside
            if len(entry.name) == 64 and entry.name not in used and (status := entry.stat()).st_mtime < limit:
                yield Path(entry.path), status.st_size


def collect(path: Path) -> bool:
    """Remove a blob, unless somebody has asked for it just now; whether it is gone.

    It is put aside first: whoever asks then is told that it is missing, and sends it anew.
    """
    aside = path.with_suffix(".unused")
    path.rename(aside)
    if aside.stat().st_mtime >= time.time() - FRESH_S:
        aside.rename(path)
        return False
    aside.unlink()
    return True


def _manifests_of(spec: RunSpec) -> Iterator[str]:
    if spec.dir is not None:
        yield spec.dir.manifest
    yield from (use.manifest for use in spec.data if use.manifest is not None)


def _blobs_of(spec: RunSpec) -> Iterator[str]:
    yield from spec.inputs.values()
    if spec.notebook is not None:
        yield spec.notebook.digest
