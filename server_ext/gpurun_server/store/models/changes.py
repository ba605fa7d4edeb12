"""Changes of the model registry. Each is one transaction, told to whoever watches; bytes are never touched here."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.errors import AliasMoved, ModelInUse, ModelNotFound, WrongState
from gpurun_jupyter.core.models import Promotion, VersionChanges, check_alias, check_model_name
from gpurun_jupyter.core.numbers import Number
from gpurun_server.store.database import Writing
from gpurun_server.store.models.models import aliases_of, model_of, of_owner, version_of
from gpurun_server.store.queries import encode
from gpurun_server.store.tables import model_aliases, model_versions, models, revisions


class Registration(msgspec.Struct, kw_only=True):
    """A version to be: its files by their manifest, what is said of it, and the run that it came from.

    `origin` names the event of a log by which it is registered, once however often the log is taken in.
    """

    name: str
    manifest: str
    file_count: int
    size_bytes: int
    type: str = ""
    framework: str = ""
    description: str = ""
    metrics: dict[str, Number] = {}
    tags: list[str] = []
    parameters: dict[str, str] = {}
    run_id: str | None = None
    run_name: str | None = None
    spec_json: str | None = None
    alias: str | None = None
    origin: str | None = None


#: What two registrations have to have in common to be the same version.
_SAME = ("manifest", "run_id", "type", "framework", "description", "metrics_json", "tags_json", "parameters_json")


def register(writing: Writing, owner: str, new: Registration) -> tuple[int, bool]:
    """Add a version, unless it is the same as the newest in everything; returns its number and whether it is new.

    Raises InvalidRequest for a name or an alias that cannot be.
    """
    check_model_name(new.name)
    if new.alias is not None:
        check_alias(new.alias)
    if new.origin and (before := _registered_by(writing.conn, new.origin)):
        return before, False
    values = _columns(new)
    newest = _newest(writing.conn, owner, new.name)
    same = newest is not None and all(getattr(newest, name) == values[name] for name in _SAME)
    if newest is not None and same and newest.status == "ready":
        number, created = int(newest.number), False
    else:
        number, created = _add(writing, owner, values), True
    if new.alias is not None:
        _point(writing, owner, new.name, new.alias, number)
    return number, created


def change(writing: Writing, owner: str, name: str, reference: str, changes: VersionChanges) -> int:
    """Change what is said of a version, or archive it; returns its number. Raises ModelNotFound and ModelInUse."""
    row = version_of(writing.conn, owner, name, reference)
    if changes.status == "archived":
        _check_unused(writing, owner, name, row.number)
    said = {field: getattr(changes, field) for field in ("status", "description", "type", "framework")}
    values: dict[str, Any] = {field: value for field, value in said.items() if value is not None}
    if changes.tags is not None:
        values["tags_json"] = encode(changes.tags)
    if values:
        mine = sa.and_(of_owner(model_versions, owner, name), model_versions.c.number == row.number)
        writing.conn.execute(sa.update(model_versions).where(mine).values(values))
        tell(writing, owner, name)
    return int(row.number)


def promote(writing: Writing, owner: str, name: str, wanted: Promotion) -> int:
    """Let an alias point to a version; returns its number.

    Raises ModelNotFound, AliasMoved where it is not where it was believed to be, WrongState for an archived version.
    """
    alias = check_alias(wanted.alias)
    row = version_of(writing.conn, owner, name, str(wanted.version))
    if row.status == "archived":
        raise WrongState(
            f"Version {row.number} of {name} is archived.",
            f"`gpurun models archive {name} {row.number} --ready` brings it back.",
        )
    # writers take turns: nobody moves it between this look and the change
    now = aliases_of(writing.conn, owner, name).get(alias, 0)
    if wanted.replaces is not None and wanted.replaces != now:
        where = f"points to version {now} of {name}" if now else f"of {name} was taken away"
        raise AliasMoved(
            f"{alias!r} {where} by now; somebody else changed it.", "Look at the model again, then promote."
        )
    _point(writing, owner, name, alias, row.number)
    return int(row.number)


def drop_alias(writing: Writing, owner: str, name: str, alias: str) -> None:
    """Take an alias away. Raises ModelNotFound."""
    if alias not in aliases_of(writing.conn, owner, name):
        model_of(writing.conn, owner, name)  # says so where there is no such model
        raise ModelNotFound(f"The model {name} has no alias {alias!r}.", f"`gpurun models show {name}` lists them.")
    writing.conn.execute(sa.delete(model_aliases).where(_alias(owner, name, alias)))
    tell(writing, owner, name)


def delete_version(writing: Writing, owner: str, name: str, reference: str) -> int:
    """Forget a version, and with the last one the model; returns its number. Raises ModelNotFound and ModelInUse.

    Its bytes stay: runs, data sets and other models may share them.
    """
    number = int(version_of(writing.conn, owner, name, reference).number)
    _check_unused(writing, owner, name, number)
    mine = of_owner(model_versions, owner, name)
    writing.conn.execute(sa.delete(model_versions).where(mine, model_versions.c.number == number))
    if _newest(writing.conn, owner, name) is None:
        writing.conn.execute(sa.delete(models).where(of_owner(models, owner, name)))
    tell(writing, owner, name)
    return number


def delete_model(writing: Writing, owner: str, name: str) -> int:
    """Forget a model with all its versions and aliases; returns how many versions. Raises ModelNotFound."""
    versions = len(model_of(writing.conn, owner, name).versions)
    for table in (model_aliases, model_versions, models):  # in this order: each refers to the next
        writing.conn.execute(sa.delete(table).where(of_owner(table, owner, name)))
    tell(writing, owner, name)
    return versions


def _registered_by(conn: sa.Connection, origin: str) -> int | None:
    return conn.scalar(sa.select(model_versions.c.number).where(model_versions.c.origin == origin))


def _columns(new: Registration) -> dict[str, Any]:
    encoded = ("metrics", "tags", "parameters")
    values = {field: getattr(new, field) for field in new.__struct_fields__ if field not in (*encoded, "alias")}
    return values | {f"{field}_json": encode(getattr(new, field)) for field in encoded}


def _newest(conn: sa.Connection, owner: str, name: str) -> sa.Row[Any] | None:
    chosen = sa.select(model_versions).where(of_owner(model_versions, owner, name))
    return conn.execute(chosen.order_by(model_versions.c.number.desc()).limit(1)).first()


def _add(writing: Writing, owner: str, values: dict[str, Any]) -> int:
    name, conn, now = values["name"], writing.conn, time.time()
    mine = of_owner(models, owner, name)
    if conn.execute(sa.update(models).where(mine).values(latest=models.c.latest + 1)).rowcount == 0:
        conn.execute(sa.insert(models).values(owner=owner, name=name, latest=1, updated_at=now))
    number = int(conn.scalar(sa.select(models.c.latest).where(mine)) or 0)
    conn.execute(sa.insert(model_versions).values(owner=owner, number=number, status="ready", created_at=now, **values))
    tell(writing, owner, name)
    return number


def _point(writing: Writing, owner: str, name: str, alias: str, number: int) -> None:
    moved = sa.update(model_aliases).where(_alias(owner, name, alias)).values(number=number)
    if writing.conn.execute(moved).rowcount == 0:
        new = sa.insert(model_aliases).values(owner=owner, name=name, alias=alias, number=number)
        writing.conn.execute(new)
    tell(writing, owner, name)


def _alias(owner: str, name: str, alias: str) -> sa.ColumnElement[bool]:
    return sa.and_(of_owner(model_aliases, owner, name), model_aliases.c.alias == alias)


def _check_unused(writing: Writing, owner: str, name: str, number: int) -> None:
    aliases = [alias for alias, at in aliases_of(writing.conn, owner, name).items() if at == number]
    if aliases:
        take_away = f"`gpurun models promote {name} --remove {aliases[0]}`"
        raise ModelInUse(
            f"{aliases[0]!r} points to version {number} of {name}.",
            f"Promote another version to it first, or take the alias away: {take_away}.",
        )


def tell(writing: Writing, owner: str, name: str) -> None:
    """The model has changed: who watches is told once the change is committed."""
    writing.conn.execute(sa.update(models).where(of_owner(models, owner, name)).values(updated_at=time.time()))
    writing.conn.execute(sa.update(revisions).values(models=revisions.c.models + 1))
    writing.rings.add("models")
