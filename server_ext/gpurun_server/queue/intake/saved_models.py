"""Models that a run registers itself, by `report.save_model`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.events import LONGEST_LINE_BYTES, Metric, Model, event_on, opening
from gpurun_jupyter.core.models import MODEL_LIMITS
from gpurun_jupyter.core.numbers import Number
from gpurun_jupyter.core.parameters import logged_in, parameters_of
from gpurun_jupyter.core.secrets import as_shown
from gpurun_jupyter.core.system.records import open_plain
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import Writing
from gpurun_server.store.models.changes import Registration, register
from gpurun_server.store.queries import decode_meta, decode_spec, encode
from gpurun_server.store.statements import KEY, one_run

_METRIC = opening("metric")


class Saved(NamedTuple):
    """A model that a log names, and the run's metrics at that moment."""

    model: Model
    lasts: dict[str, Number]


def model_at(log: Path, offset: int, blobs: Blobs) -> Saved:
    """The model that a log names at an offset, once all its files are there. Raises InvalidRequest and NotShipped."""
    lasts: dict[str, Number] = {}
    try:
        with open_plain(log) as file:
            while file.tell() < offset and (line := file.readline(LONGEST_LINE_BYTES)):
                if line.startswith(_METRIC) and isinstance(metric := event_on(line), Metric):
                    lasts |= metric.values
            model = event_on(file.readline(LONGEST_LINE_BYTES))
    except FileNotFoundError as error:
        raise InvalidRequest("There is no log.", "Send the log first.") from error
    if not isinstance(model, Model):
        raise InvalidRequest(f"The event at {offset} is no model.")
    blobs.whole_manifest(model.manifest, MODEL_LIMITS)
    return Saved(model, lasts)


def register_saved(writing: Writing, run_id: str, attempt: int, model: Model, lasts: Mapping[str, Number]) -> None:
    """Register what an event of an attempt's log says, once; `lasts` are the run's metrics when it was saved.

    Its bytes are in the blobs already: its agent has seen to that. A name that cannot be was not written by
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
        parameters=logged_in(decode_meta(run.meta_json)) | parameters_of(as_shown(decode_spec(run.spec_json))),
        run_id=run.id,
        run_name=run.name,
        spec_json=encode(as_shown(decode_spec(run.spec_json))),  # masked: it outlives the run, and people look at it
        alias=model.alias,
        # the same however often the log is taken in, also by `gpurun reindex`
        origin=f"{run_id}/{attempt}/{model.m}/{model.manifest}/{model.name}",
    )
    with contextlib.suppress(InvalidRequest):
        register(writing, run.owner, registration)
