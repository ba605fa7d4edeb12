"""Data sets: directories that were uploaded once and are shown, read-only, to many runs."""

from __future__ import annotations

import msgspec

from gpurun_jupyter.core.formats.archives import Limits
from gpurun_jupyter.core.manifests import Digest
from gpurun_jupyter.core.names import Name

#: What a data set may hold. It is laid out once a machine, not once a run.
DATA_LIMITS = Limits(files=1_000_000, total_bytes=2**42)


class DataSet(msgspec.Struct, kw_only=True):
    """A data set as the API shows it. `uploaded_at` is seconds since the epoch."""

    name: Name
    manifest: Digest
    files: int
    size_bytes: int
    uploaded_at: float
