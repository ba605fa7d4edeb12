"""The best run by a metric."""

from __future__ import annotations

import sqlalchemy as sa

from gpurun_jupyter.core.errors import RunNotFound
from gpurun_jupyter.core.models import Best
from gpurun_server.store.tables import run_metrics, runs


def best_run(conn: sa.Connection, owner: str, best: Best) -> str:
    """The id of the succeeded run of this owner whose last value is the best number; of several the newest.

    The last value, because it is the one that belongs to the files that a run left. Raises RunNotFound.
    """
    value = run_metrics.c.last  # null where it is no finite number
    mine = (runs.c.owner == owner, runs.c.deleted_at.is_(None), runs.c.outcome == "succeeded")
    query = sa.select(runs.c.id).join(run_metrics, run_metrics.c.run == runs.c.seq)
    query = query.where(*mine, run_metrics.c.name == best.metric, value.is_not(None))
    if best.project is not None:
        query = query.where(runs.c.project == best.project)
    by_value = value.desc() if best.mode == "max" else value.asc()
    found = conn.scalar(query.order_by(by_value, runs.c.seq.desc()).limit(1))
    if found is None:
        where = f" in the project {best.project!r}" if best.project else ""
        raise RunNotFound(
            f"No run of yours{where} has succeeded with a number as its last {best.metric!r}.",
            "`gpurun runs` shows the metrics of each; `report.log(acc=0.9)` in a run records one.",
        )
    return str(found)
