"""Models as clients of MLflow know them: named before they have versions, described and tagged as a whole."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.errors import ModelNotFound
from gpurun_jupyter.core.models import ModelVersion, check_model_name
from gpurun_server.store.database import Writing
from gpurun_server.store.models.changes import tell
from gpurun_server.store.models.models import aliases_of, of_owner, to_version
from gpurun_server.store.queries import encode
from gpurun_server.store.tables import model_aliases, model_versions, models

_tags = msgspec.json.Decoder(dict[str, str])


class NamedModel(msgspec.Struct, kw_only=True):
    """A model with its versions, the newest first; it may have none."""

    name: str
    description: str
    tags: dict[str, str]
    aliases: dict[str, int]
    versions: list[ModelVersion]
    updated_at: float

    @property
    def created_at(self) -> float:
        """When it was first heard of, as far as that is known."""
        return min([self.updated_at, *(version.created_at for version in self.versions)])


def named_models(conn: sa.Connection, owner: str, name: str | None = None) -> list[NamedModel]:
    """Somebody's models by name, or the one with this name if there is one."""
    found = conn.execute(sa.select(models).where(of_owner(models, owner, name)).order_by(models.c.name)).all()
    return [_named(conn, owner, row) for row in found]


def create(writing: Writing, owner: str, name: str, description: str, tags: Mapping[str, str]) -> bool:
    """Have a model without versions; False where there is one of that name. Raises InvalidRequest."""
    if named_models(writing.conn, owner, check_model_name(name)):
        return False
    said = {"description": description, "tags_json": encode(tags)}
    writing.conn.execute(sa.insert(models).values(owner=owner, name=name, latest=0, updated_at=time.time(), **said))
    return True


def describe(
    writing: Writing, owner: str, name: str, *, description: str | None = None, tags: Mapping[str, str] | None = None
) -> None:
    """Say something else of a model. Raises ModelNotFound."""
    values = {"description": description, "tags_json": None if tags is None else encode(tags)}
    told = {field: value for field, value in values.items() if value is not None}
    if not writing.conn.execute(sa.update(models).where(of_owner(models, owner, name)).values(**told)).rowcount:
        raise ModelNotFound(f"You have no model {name!r}.", "`gpurun models list` lists yours.")
    tell(writing, owner, name)


def forget(writing: Writing, owner: str, name: str) -> None:
    """Forget a model with all that belongs to it. Raises ModelNotFound."""
    if not named_models(writing.conn, owner, name):
        raise ModelNotFound(f"You have no model {name!r}.", "`gpurun models list` lists yours.")
    for table in (model_aliases, model_versions, models):  # in this order: each refers to the next
        writing.conn.execute(sa.delete(table).where(of_owner(table, owner, name)))
    tell(writing, owner, name)


def _named(conn: sa.Connection, owner: str, row: sa.Row[Any]) -> NamedModel:
    aliases = aliases_of(conn, owner, row.name)
    mine = sa.select(model_versions).where(of_owner(model_versions, owner, row.name))
    versions = conn.execute(mine.order_by(model_versions.c.number.desc())).all()
    return NamedModel(
        name=row.name,
        description=row.description,
        tags=_tags.decode(row.tags_json),
        aliases=aliases,
        versions=[to_version(version, aliases) for version in versions],
        updated_at=row.updated_at,
    )
