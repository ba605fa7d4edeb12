"""What a version of a model has from the run that it came from."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.parameters import logged_in, parameters_of
from gpurun_server.store.queries import encode, to_run


def of_run(row: sa.Row[Any]) -> dict[str, Any]:
    """Fields of a Registration, from a whole row of `runs`: its last values, its parameters, and which run it is."""
    shown = to_run(row)
    assert shown.spec is not None
    return {
        "metrics": {name: summary.last for name, summary in shown.metrics.items()},
        "parameters": logged_in(shown.meta) | parameters_of(shown.spec),
        "run_id": row.id,
        "run_name": row.name,
        "spec_json": encode(shown.spec),
    }
