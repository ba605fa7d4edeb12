"""Statements that are made once: SQLAlchemy takes three times as long to make one as SQLite takes to carry it out.

What is written for every run goes through here; a question that people ask now and then is put where it is asked.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa

from gpurun_server.store.tables import attempts, history, revisions, runs

#: What a statement calls the row that it changes; a column's own name stands for its new value.
KEY = "key_"

next_revisions = sa.update(revisions).values(latest=revisions.c.latest + sa.bindparam("count"))
latest_revision = sa.select(revisions.c.latest)

# SQLAlchemy leaves FOR UPDATE out for SQLite, which has none: a writer is alone there anyway
state_of_run = sa.select(runs.c.state).where(runs.c.id == sa.bindparam(KEY)).with_for_update()
one_run = sa.select(runs).where(runs.c.id == sa.bindparam(KEY))
some_runs = sa.select(runs).where(runs.c.id.in_(sa.bindparam("keys", expanding=True)))
end_attempts = (
    sa.update(attempts)
    .where(attempts.c.run_id == sa.bindparam(KEY), attempts.c.ended_at.is_(None))
    .values(ended_at=sa.bindparam("ended_at"))
)
reopen_attempts = sa.update(attempts).where(attempts.c.run_id == sa.bindparam(KEY)).values(ended_at=None)


@cache
def insert_into(table: sa.Table) -> sa.Insert:
    """A row with the columns that the parameters name."""
    return sa.insert(table)


@cache
def change_run(columns: tuple[str, ...]) -> sa.Update:
    """New values of these columns for the run `KEY`."""
    values: dict[str, Any] = {name: sa.bindparam(name) for name in columns}
    return sa.update(runs).where(runs.c.id == sa.bindparam(KEY)).values(values)


insert_history = insert_into(history)
