"""Rows of runs as MLflow's clients see runs: what they were told, logged and left, whatever carried them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.core.parameters import LOGGED, logged_in, parameters_of
from gpurun_jupyter.core.runs import LOGGED_KIND, RunSpec
from gpurun_jupyter.core.secrets import as_shown
from gpurun_jupyter.tracking.answers import TrackedRun, status_of, text_of
from gpurun_jupyter.tracking.experiments import experiment_id
from gpurun_jupyter.tracking.logged_models import FACT
from gpurun_jupyter.tracking.requests import Point
from gpurun_server.store.folders.own_logs import LOG_PLACE
from gpurun_server.store.folders.plain_files import CSV_PLACE
from gpurun_server.store.queries import decode_meta, decode_spec, metrics_in
from gpurun_server.store.tables import runs

#: Facts of ours: a data set that was used, and a model as what a run made, each by its id.
INPUT, OUTPUT = "gpurun.mlflow.input.", "gpurun.mlflow.output."
#: The tag that has ours.
TAGS = "gpurun.tags"
_MS = 1000
_DEEPEST = 100  # runs within one another
_texts = msgspec.json.Decoder(list[str])


def tracked_runs(conn: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[TrackedRun]:
    """The runs that whole rows stand for."""
    roots = roots_of(conn, rows)
    return [_tracked(row, roots[row.id]) for row in rows]


def roots_of(conn: sa.Connection, rows: Iterable[sa.Row[Any]]) -> dict[str, str]:
    """In which run's workspace the artifacts of each are: in its own, or that of the run whose code logs it."""
    above: dict[str, str | None] = {row.id: row.parent for row in rows}
    kinds: dict[str, str] = {row.id: row.kind for row in rows}
    for _ in range(_DEEPEST):
        unknown = {parent for parent in above.values() if parent is not None and parent not in above}
        if not unknown:
            break
        chosen = sa.select(runs.c.id, runs.c.parent, runs.c.kind).where(runs.c.id.in_(unknown))
        found = {row.id: row for row in conn.execute(chosen)}
        above |= {run_id: found[run_id].parent if run_id in found else None for run_id in unknown}
        kinds |= {run_id: row.kind for run_id, row in found.items()}
    return {row_id: _root(row_id, above, kinds) for row_id in list(above)}


def _root(run_id: str, above: Mapping[str, str | None], kinds: Mapping[str, str]) -> str:
    top, parent = run_id, above.get(run_id)
    for _ in range(_DEEPEST):
        if parent is None:
            break
        top, parent = parent, above.get(parent)
    return top if kinds.get(top, LOGGED_KIND) != LOGGED_KIND else run_id


def shown_spec(row: sa.Row[Any]) -> RunSpec:
    """What a run was asked to do, with its secrets masked."""
    return as_shown(decode_spec(row.spec_json))


def facts_with(meta: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The JSON in facts of one of our kinds, by what follows the prefix."""
    found: dict[str, Any] = {}
    for name, value in meta.items():
        if name.startswith(prefix) and isinstance(value, str):
            try:
                found[name.removeprefix(prefix)] = msgspec.json.decode(value)
            except msgspec.DecodeError:
                continue  # a run can announce any fact
    return found


def _tracked(row: sa.Row[Any], root: str) -> TrackedRun:
    meta = decode_meta(row.meta_json)
    began = row.created_at if row.started_at is None else row.started_at
    return TrackedRun(
        id=row.id,
        name=row.name,
        experiment_id=experiment_id(row.project),
        user=row.owner,
        status=status_of(State(row.state), Outcome(row.outcome) if row.outcome else None),
        start_ms=round(began * _MS),
        end_ms=None if row.finished_at is None else round(row.finished_at * _MS),
        root=root,
        parent=row.parent,
        deleted=row.deleted_at is not None,
        metrics=_metrics(row, began),
        params=logged_in(meta) | parameters_of(shown_spec(row)),
        tags=_tags(row, meta),
        inputs=[one for one in facts_with(meta, INPUT).values() if isinstance(one, dict)],
        outputs=[one for one in facts_with(meta, OUTPUT).values() if isinstance(one, dict)],
    )


def _metrics(row: sa.Row[Any], began: float) -> list[Point]:
    """The last values; when each was logged is only in the log, so that it is told as late as it may have been."""
    at_ms = round((row.finished_at or began) * _MS)
    return [
        Point(key=name, value=one.last, timestamp=at_ms, step=int(one.step or 0))
        for name, one in metrics_in(row).items()
    ]


def _tags(row: sa.Row[Any], meta: Mapping[str, Any]) -> dict[str, str]:
    tags = {
        name: text_of(value)
        for name, value in meta.items()
        if name not in (LOGGED, CSV_PLACE, LOG_PLACE) and not name.startswith((INPUT, OUTPUT, FACT))
    }
    own = ",".join(_texts.decode(row.tags_json))
    return tags | ({TAGS: own} if own else {})
