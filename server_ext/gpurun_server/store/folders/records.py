"""`run.json`: what is written of a run at acceptance. With the logs, all that a lost database is rebuilt from."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gpurun_jupyter.core.home import RunFolder, write_json
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.system.records import read_record
from gpurun_server.store.queries import decode_spec


class RunRecord(msgspec.Struct, kw_only=True):
    """A run as it was accepted; `created_at` is seconds since the epoch."""

    id: str
    name: str
    project: str
    owner: str
    gpu: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    created_at: Annotated[float, msgspec.Meta(ge=0, le=1e11)]
    spec: RunSpec
    idempotency_key: str | None = None
    rerun_of: str | None = None
    v: int = 1


class _Written(RunRecord, kw_only=True):
    """The same as it stands there: the spec may be of an earlier gpurun."""

    spec: msgspec.Raw  # type: ignore[assignment]


def write(folder: RunFolder, record: RunRecord) -> None:
    """Put it into the run's folder, which is made where it is not there yet."""
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(folder.record, record)


def read(folder: RunFolder) -> RunRecord:
    """What stands in a run's folder. Raises ValueError where that cannot be read."""
    found = read_record(folder.record, _Written)
    if found is None:
        raise ValueError("it is missing, or cannot be read")
    return RunRecord(**{**msgspec.structs.asdict(found), "spec": decode_spec(bytes(found.spec))})
