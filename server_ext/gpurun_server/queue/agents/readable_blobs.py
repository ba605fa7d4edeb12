"""What a run needs of the blobs: only these may its agent fetch."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa

from gpurun_jupyter.core.data_sets import DATA_LIMITS
from gpurun_jupyter.core.errors import FileMissing, NotHeld
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.manifests import decode
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.store.queries import decode_spec
from gpurun_server.store.tables import runs

_SPEC = sa.select(runs.c.spec_json).where(runs.c.id == sa.bindparam("run"))


class Needs:
    """The blobs of one run."""

    def __init__(self, home: Home, spec: RunSpec) -> None:
        self._home = home
        self._alone = {*spec.inputs.values(), *([spec.notebook.digest] if spec.notebook else [])}
        self._manifests = manifests_of(spec)

    @classmethod
    def of(cls, conn: sa.Connection, home: Home, run_id: str) -> Needs:
        """Those of the run with this id."""
        return cls(home, decode_spec(conn.execute(_SPEC, {"run": run_id}).scalar_one()))

    def path(self, digest: str) -> Path:
        """Where a blob lies. Raises NotHeld for one that the run does not need, FileMissing for one that is gone."""
        own = digest in self._alone or digest in self._manifests  # told without reading any list
        if not own and not any(digest in _listed(self._home.blob(one)) for one in self._manifests):
            raise NotHeld(f"The run does not need the blob {digest}.")
        path = self._home.blob(digest)
        if not path.exists():
            raise FileMissing(f"The blob {digest} is gone from the server.", "Submit the run again.")
        return path


def manifests_of(spec: RunSpec) -> list[str]:
    """The digests of a run's manifests: of its directory and of its data sets."""
    data = [use.manifest for use in spec.data if use.manifest is not None]
    return [*([spec.dir.manifest] if spec.dir else []), *data]


@lru_cache(maxsize=8)
def _listed(manifest: Path) -> frozenset[str]:
    """Never changes: a manifest's name is its sha256."""
    try:
        listed = manifest.read_bytes()
    except FileNotFoundError:
        raise FileMissing(f"The manifest {manifest.name} is gone from the server.", "Submit the run again.") from None
    # a directory's or a data set's: by the wider limits
    return frozenset(decode(listed, DATA_LIMITS).blobs())
