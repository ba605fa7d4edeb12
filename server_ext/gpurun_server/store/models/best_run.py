"""The best run by a metric."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.errors import RunNotFound
from gpurun_jupyter.core.models import Best
from gpurun_server.store.tables import runs


class _Last(msgspec.Struct):
    last: float


_lasts = msgspec.json.Decoder(dict[str, _Last])


def best_run(conn: sa.Connection, owner: str, best: Best) -> str:
    """The id of the succeeded run of this owner whose last value is the best; of several the newest.

    The last value, because it is the one that belongs to the files that a run left. Raises RunNotFound.
    """
    sign = 1 if best.mode == "max" else -1
    found = [(_value(row, best.metric), row.seq, row.id) for row in conn.execute(_candidates(owner, best))]
    valued = [(sign * value, seq, run_id) for value, seq, run_id in found if value is not None]
    if not valued:
        where = f" in the project {best.project!r}" if best.project else ""
        raise RunNotFound(
            f"No run of yours{where} has succeeded with a metric {best.metric!r}.",
            "`gpurun runs` shows the metrics of each; `report.log(acc=0.9)` in a run records one.",
        )
    return str(max(valued)[2])


def _candidates(owner: str, best: Best) -> sa.Select[Any]:
    query = sa.select(runs.c.id, runs.c.seq, runs.c.metrics_json).where(
        runs.c.owner == owner,
        runs.c.deleted_at.is_(None),
        runs.c.state == "finished",
        runs.c.outcome == "succeeded",
        runs.c.metrics_json != "{}",
    )
    return query if best.project is None else query.where(runs.c.project == best.project)


def _value(row: sa.Row[Any], metric: str) -> float | None:
    found = _lasts.decode(row.metrics_json).get(metric)
    return found.last if found is not None and math.isfinite(found.last) else None
