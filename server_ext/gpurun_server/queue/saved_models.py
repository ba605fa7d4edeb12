"""Models that a run registers itself, by `report.save_model`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.events import Model
from gpurun_jupyter.core.parameters import parameters_of
from gpurun_server.store.database import Writing
from gpurun_server.store.model_changes import Registration, register
from gpurun_server.store.queries import decode_spec
from gpurun_server.store.statements import KEY, one_run


def register_saved(writing: Writing, run_id: str, attempt: int, model: Model, lasts: Mapping[str, float]) -> None:
    """Register what an event of an attempt's log says, once; `lasts` are the run's metrics when it was saved.

    Its bytes are in the blobs already: whoever saved it put them there. A name that cannot be was not written by
    `report`, which refuses it, and must not keep the log from being taken in.
    """
    run = writing.conn.execute(one_run, {KEY: run_id}).one()
    registration = Registration(
        name=model.name,
        manifest=model.manifest,
        file_count=model.files,
        size_bytes=model.size,
        type=model.type,
        framework=model.framework,
        description=model.description,
        metrics=model.values | {name: last for name, last in lasts.items() if name not in model.values},
        parameters=parameters_of(decode_spec(run.spec_json)),
        run_id=run.id,
        run_name=run.name,
        spec_json=run.spec_json,
        alias=model.alias,
        origin=f"{run_id}/{attempt}/{model.m}/{model.manifest}/{model.name}",
    )
    with contextlib.suppress(InvalidRequest):
        register(writing, run.owner, registration)
