"""Metrics and parameters as rows, one for each name of a run: what lists of runs are filtered and sorted by.

`runs.metrics_json` and `runs.spec_json` say the same, and stay what a run is shown from.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.numbers import finite
from gpurun_jupyter.core.parameters import parameters_of
from gpurun_jupyter.core.runs import MetricSummary, RunSpec
from gpurun_jupyter.core.secrets import as_shown
from gpurun_server.store.queries import encode
from gpurun_server.store.tables import run_metrics, run_params, runs

#: So many metrics of a run travel with every list, the first that it logged.
METRICS_LISTED = 12
#: Longer names are not looked for, and of longer texts this much is compared: an index takes no more.
LONGEST = 200

_spec = msgspec.json.Decoder(RunSpec)

# as text, which SQLite and PostgreSQL both read: SQLAlchemy has a statement for each
_KEEP_METRICS = sa.text(
    "INSERT INTO run_metrics (run, name, last, min, max, step, word) "
    "VALUES (:run, :name, :last, :min, :max, :step, :word) "
    "ON CONFLICT (run, name) DO UPDATE SET last = excluded.last, min = excluded.min, max = excluded.max, "
    "step = excluded.step, word = excluded.word"
)
_KEEP_PARAMETERS = sa.insert(run_params)
_KEEP_LOGGED = sa.text(
    "INSERT INTO run_params (run, name, text, number, logged) VALUES (:run, :name, :text, :number, true) "
    "ON CONFLICT (run, name) DO UPDATE SET text = excluded.text, number = excluded.number WHERE run_params.logged"
)
_FORGET_LOGGED = sa.delete(run_params).where(
    run_params.c.run == sa.select(runs.c.seq).where(runs.c.id == sa.bindparam("id")).scalar_subquery(),
    run_params.c.logged,
)
_FORGET_METRICS = sa.delete(run_metrics).where(
    run_metrics.c.run == sa.select(runs.c.seq).where(runs.c.id == sa.bindparam("id")).scalar_subquery()
)


def in_columns(metrics: Mapping[str, MetricSummary]) -> dict[str, Any]:
    """Metrics as columns of `runs`: all, and where they are many the few that lists show."""
    more = len(metrics) - METRICS_LISTED
    few = encode(dict(islice(metrics.items(), METRICS_LISTED))) if more > 0 else None
    return {"metrics_json": encode(metrics), "few_metrics_json": few, "more_metrics": max(0, more)}


def keep_metrics(conn: sa.Connection, seq: int, metrics: Mapping[str, MetricSummary]) -> None:
    """Metrics of the run `seq` as they are now; others of it stay."""
    rows = [
        {"run": seq, "name": name, "last": finite(one.last), "min": one.min, "max": one.max, "step": one.step}
        | {"word": None if finite(one.last) is not None else one.last}
        for name, one in metrics.items()
        if len(name) <= LONGEST and "\0" not in name  # PostgreSQL keeps none of these
    ]
    if rows:
        conn.execute(_KEEP_METRICS, rows)


def forget_metrics(conn: sa.Connection, seq: int, names: Iterable[str]) -> None:
    """Metrics of the run `seq` that are not there any more."""
    conn.execute(sa.delete(run_metrics).where(run_metrics.c.run == seq, run_metrics.c.name.in_(list(names))))


def forget_logged(conn: sa.Connection, run_id: str) -> None:
    """The metrics and the logged parameters of a run that begins anew."""
    conn.execute(_FORGET_METRICS, {"id": run_id})
    conn.execute(_FORGET_LOGGED, {"id": run_id})


def keep_parameters(conn: sa.Connection, seq: int, spec: RunSpec | str) -> None:
    """The parameters of a run that has none yet, from its spec or its `spec_json`."""
    found = parameters_of(as_shown(_spec.decode(spec) if isinstance(spec, str) else spec))
    if rows := _rows(seq, found):
        conn.execute(_KEEP_PARAMETERS, rows)


def keep_logged_parameters(conn: sa.Connection, seq: int, found: Mapping[str, str]) -> None:
    """Parameters that the run's own code logged; those that it was told stay."""
    if rows := _rows(seq, found):
        conn.execute(_KEEP_LOGGED, rows)


def _rows(seq: int, found: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"run": seq, "name": name, "text": text[:LONGEST].replace("\0", ""), "number": number_of(text)}
        for name, text in found.items()
        if len(name) <= LONGEST and "\0" not in name
    ]


def change_parameters(conn: sa.Connection, run_id: str, spec: RunSpec) -> None:
    """Those of a run whose spec has changed."""
    seq = conn.scalar(sa.select(runs.c.seq).where(runs.c.id == run_id)) or 0
    conn.execute(sa.delete(run_params).where(run_params.c.run == seq))
    keep_parameters(conn, seq, spec)


def parameters_by_run(conn: sa.Connection, ids: Mapping[int, str]) -> dict[str, dict[str, str]]:
    """The parameters of runs, whose ids are given by their numbers; long texts are cut."""
    found: dict[str, dict[str, str]] = {run_id: {} for run_id in ids.values()}
    columns = (run_params.c.run, run_params.c.name, run_params.c.text)
    for row in conn.execute(sa.select(*columns).where(run_params.c.run.in_(list(ids)))):
        found[ids[row.run]][row.name] = row.text
    return found


def metrics_by_run(
    conn: sa.Connection, ids: Mapping[int, str], names: Sequence[str] | None = None
) -> dict[str, dict[str, MetricSummary]]:
    """Metrics of these names, else all, of runs whose ids are given by their numbers."""
    found: dict[str, dict[str, MetricSummary]] = {run_id: {} for run_id in ids.values()}
    query = sa.select(run_metrics).where(run_metrics.c.run.in_(list(ids)))
    for row in conn.execute(query if names is None else query.where(run_metrics.c.name.in_(names))):
        found[ids[row.run]][row.name] = MetricSummary(row.word or row.last, row.min, row.max, row.step)
    return found


def forget(conn: sa.Connection, seqs: list[int]) -> None:
    """Everything of runs that are gone."""
    for table in (run_metrics, run_params):
        conn.execute(sa.delete(table).where(table.c.run.in_(seqs)))


def number_of(text: str) -> float | None:
    """The number that a text is; None for any other text, and for what is not finite."""
    with contextlib.suppress(ValueError):
        number = float(text.replace("_", "x"))  # Python reads 1_000 as a number; YAML 1.2 and browsers do not
        return number if math.isfinite(number) else None
    return None
