"""The data sets of each owner: what their names mean now."""

from __future__ import annotations

import sqlalchemy as sa

from gpurun_jupyter.core.data_sets import DataSet
from gpurun_jupyter.core.errors import DataNotFound
from gpurun_server.store.database import Writing
from gpurun_server.store.tables import data_sets

_COLUMNS = [column for column in data_sets.c if column.name != "owner"]


def of_owner(conn: sa.Connection, owner: str) -> list[DataSet]:
    """All of them, by name."""
    chosen = sa.select(*_COLUMNS).where(data_sets.c.owner == owner).order_by(data_sets.c.name)
    return [DataSet(**row) for row in conn.execute(chosen).mappings()]


def manifest_of(conn: sa.Connection, owner: str, name: str) -> str:
    """The manifest that the name means. Raises DataNotFound."""
    chosen = sa.select(data_sets.c.manifest).where(data_sets.c.owner == owner, data_sets.c.name == name)
    found: str | None = conn.scalar(chosen)
    if found is None:
        raise DataNotFound(
            f"You have no data set {name!r}.",
            "`gpurun data list` lists yours, `gpurun data upload PATH` makes one; "
            "data that lies on the machine is named by its path in the code.",
        )
    return found


def remember(writing: Writing, owner: str, data_set: DataSet) -> None:
    """Give the name this meaning; runs that were accepted before keep theirs."""
    mine = sa.and_(data_sets.c.owner == owner, data_sets.c.name == data_set.name)
    writing.conn.execute(sa.delete(data_sets).where(mine))
    values = {column.name: getattr(data_set, column.name) for column in _COLUMNS}
    writing.conn.execute(sa.insert(data_sets).values(owner=owner, **values))
