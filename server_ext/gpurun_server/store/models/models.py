"""Questions asked of the model registry. Everyone sees their own models: `of_owner` is the one place that says so."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.errors import ModelNotFound
from gpurun_jupyter.core.models import LATEST, Model, ModelSummary, ModelVersion, version_number
from gpurun_jupyter.core.numbers import Number
from gpurun_server.store.tables import model_aliases, model_versions, models, revisions

#: Columns of a version as lists show it: all but the spec of its run, which may be large.
_LISTED = [column for column in model_versions.c if column.name != "spec_json"]

_numbers = msgspec.json.Decoder(dict[str, Number])
_parameters = msgspec.json.Decoder(dict[str, str])
_texts = msgspec.json.Decoder(list[str])


def of_owner(table: sa.Table, owner: str, name: str | None = None) -> sa.ColumnElement[bool]:
    """The rows that somebody may see, those of one model where it is named."""
    mine = table.c.owner == owner
    return mine if name is None else sa.and_(mine, table.c.name == name)


def revision(conn: sa.Connection) -> int:
    """The number of the latest change of any model."""
    return int(conn.scalar(sa.select(revisions.c.models)) or 0)


def summaries(conn: sa.Connection, owner: str) -> list[ModelSummary]:
    """Somebody's models by name."""
    mine = of_owner(model_versions, owner)
    counted = (
        sa.select(
            model_versions.c.name,
            # not models.latest, which may be the number of a deleted one
            sa.func.max(model_versions.c.number).label("latest"),
            sa.func.count().label("versions"),
        )
        .where(mine)
        .group_by(model_versions.c.name)
        .subquery()
    )
    newest = sa.and_(model_versions.c.name == counted.c.name, model_versions.c.number == counted.c.latest)
    same = sa.and_(models.c.owner == model_versions.c.owner, models.c.name == model_versions.c.name)
    chosen = sa.select(*_LISTED, counted.c.versions, models.c.updated_at).where(mine)
    rows: list[sa.Row[Any]] = list(
        conn.execute(chosen.join(counted, newest).join(models, same).order_by(model_versions.c.name))
    )
    aliases = _aliases(conn, of_owner(model_aliases, owner))
    return [ModelSummary(versions=row.versions, **_summary(row, row, aliases.get(row.name, {}))) for row in rows]


def model_of(conn: sa.Connection, owner: str, name: str) -> Model:
    """A model with its versions. Raises ModelNotFound."""
    model = conn.execute(sa.select(models).where(of_owner(models, owner, name))).first()
    mine = of_owner(model_versions, owner, name)
    rows = conn.execute(sa.select(*_LISTED).where(mine).order_by(model_versions.c.number.desc())).all()
    if model is None or not rows:
        raise _no_model(name)
    aliases = aliases_of(conn, owner, name)
    versions = [to_version(row, aliases) for row in rows]
    return Model(versions=versions, **_summary(rows[0], model, aliases))


def version_of(conn: sa.Connection, owner: str, name: str, reference: str) -> sa.Row[Any]:
    """The version meant by a number, an alias or `latest`. Raises ModelNotFound."""
    chosen = sa.select(model_versions).where(of_owner(model_versions, owner, name))
    number = version_number(reference)
    if reference == LATEST:
        chosen = chosen.order_by(model_versions.c.number.desc()).limit(1)
    else:
        number = number or aliases_of(conn, owner, name).get(reference)
        chosen = chosen.where(model_versions.c.number == number)
    row = conn.execute(chosen).first()
    if row is None:
        model_of(conn, owner, name)  # says so where there is no such model
        raise ModelNotFound(
            f"The model {name} has no version {reference!r}.", f"`gpurun models show {name}` lists those there are."
        )
    return row


def version_shown(conn: sa.Connection, owner: str, name: str, reference: str) -> ModelVersion:
    """The same as the API shows it, with the spec of its run. Raises ModelNotFound."""
    return to_version(version_of(conn, owner, name, reference), aliases_of(conn, owner, name))


def aliases_of(conn: sa.Connection, owner: str, name: str) -> dict[str, int]:
    """Where each alias of a model points to."""
    return _aliases(conn, of_owner(model_aliases, owner, name)).get(name, {})


def to_version(row: sa.Row[Any], aliases: dict[str, int]) -> ModelVersion:
    """The version that a row stands for."""
    spec = row.spec_json if "spec_json" in row._fields else None
    return ModelVersion(
        name=row.name,
        version=row.number,
        aliases=[alias for alias, number in aliases.items() if number == row.number],
        type=row.type,
        framework=row.framework,
        status=row.status,
        description=row.description,
        metrics=_numbers.decode(row.metrics_json),
        tags=_texts.decode(row.tags_json),
        parameters=_parameters.decode(row.parameters_json),
        run_id=row.run_id,
        run_name=row.run_name,
        manifest=row.manifest,
        size_bytes=row.size_bytes,
        file_count=row.file_count,
        owner=row.owner,
        created_at=row.created_at,
        spec=msgspec.json.decode(spec) if spec else None,
    )


def _no_model(name: str) -> ModelNotFound:
    return ModelNotFound(f"You have no model {name!r}.", "`gpurun models list` lists yours.")


def _aliases(conn: sa.Connection, mine: sa.ColumnElement[bool]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in conn.execute(sa.select(model_aliases).where(mine).order_by(model_aliases.c.alias)):
        found.setdefault(row.name, {})[row.alias] = row.number
    return found


def _summary(newest: sa.Row[Any], model: sa.Row[Any], aliases: dict[str, int]) -> dict[str, Any]:
    return {
        "name": newest.name,
        "type": newest.type,
        "framework": newest.framework,
        "latest": newest.number,
        "status": newest.status,
        "aliases": aliases,
        "metrics": _numbers.decode(newest.metrics_json),
        "updated_at": model.updated_at,
    }
