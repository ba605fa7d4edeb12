"""Experiments are projects: those of the runs there are, and those that clients have made, tagged or deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.tracking import requests as asked
from gpurun_jupyter.tracking.answers import experiment_message
from gpurun_jupyter.tracking.experiments import (
    DEFAULT_ID,
    DEFAULT_PROJECT,
    experiment_id,
    experiment_named,
    project_named,
)
from gpurun_jupyter.tracking.fitting import Item, searched
from gpurun_jupyter.tracking.refusals import EXISTS, NOT_FOUND, Refused
from gpurun_server.queue.tracking.asking import Asking, page_of, paged
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import encode, kept_of
from gpurun_server.store.search.names import names_in
from gpurun_server.store.tables import experiments, runs

_MS = 1000
_MOST_TAGS = 1000
_tags = msgspec.json.Decoder(dict[str, str])


class Known(NamedTuple):
    """A project as an experiment."""

    project: str
    created_at: float = 0.0
    deleted_at: float | None = None
    tags: Mapping[str, str] = {}

    @property
    def id(self) -> str:
        """The id of the experiment."""
        return experiment_id(self.project)

    @property
    def message(self) -> dict[str, Any]:
        """As clients are told of it."""
        return experiment_message(
            self.id,
            experiment_named(self.project),
            created_ms=round(self.created_at * _MS),
            deleted=self.deleted_at is not None,
            tags=self.tags,
        )


class Experiments:
    """What clients ask of experiments, and change."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def create_experiment(self, request: asked.CreateExperiment) -> dict[str, Any]:
        """An experiment without runs. Raises Refused where there is one of that name."""
        known, tags = Known(project_named(request.name)), {tag.key: tag.value for tag in request.tags}
        with self._asking.write() as writing:
            if (before := _kept(writing.conn, self._asking.owner, known.project)) is not None:
                deleted = " It was deleted; restore it." if before.deleted_at is not None else ""
                raise Refused(f"The experiment {request.name!r} is there already.{deleted}", EXISTS)
            _keep(writing, self._asking.owner, known._replace(created_at=time.time(), tags=tags))
        return {"experiment_id": known.id}

    def get_experiment(self, request: asked.ById) -> dict[str, Any]:
        """One by its id."""
        with self._asking.read() as conn:
            return {"experiment": experiment(conn, self._asking.owner, request.experiment_id).message}

    def get_experiment_by_name(self, request: asked.ByName) -> dict[str, Any]:
        """One by its name."""
        with self._asking.read() as conn:
            found = _kept(conn, self._asking.owner, project_named(request.experiment_name))
        if found is None:
            raise Refused(f"You have no experiment {request.experiment_name!r}; a run in it makes it.", NOT_FOUND)
        return {"experiment": found.message}

    def search_experiments(self, request: asked.SearchExperiments) -> dict[str, Any]:
        """Those that fit, the newest first where nobody says otherwise."""
        at = page_of(request.page_token)
        with self._asking.read() as conn:
            every = _every(conn, self._asking.owner)
        deleted = {"ACTIVE_ONLY": (False,), "DELETED_ONLY": (True,)}.get(request.view_type, (False, True))
        fitting = [one for one in every if (one.deleted_at is not None) in deleted]
        found = searched(fitting, _item, request.filter, request.order_by, ("creation_time DESC", "experiment_id"))
        shown = [one.message for one in found[at : at + request.max_results + 1]]
        return paged("experiments", shown, at, request.max_results)

    def delete_experiment(self, request: asked.ById) -> dict[str, Any]:
        """Hide one without runs: those that are deleted can be had back for some minutes only."""
        owner = self._asking.owner
        with self._asking.write() as writing:
            found = experiment(writing.conn, owner, request.experiment_id)
            if found.project == DEFAULT_PROJECT:
                raise Refused("The experiment Default cannot be deleted: runs without a project are in it.")
            mine = sa.select(sa.func.count()).where(kept_of(owner), runs.c.project == found.project)
            if count := writing.conn.scalar(mine):
                raise Refused(f"The experiment {found.project!r} has {count} runs; delete those first.")
            _keep(writing, owner, found._replace(deleted_at=time.time()))
        return {}

    def restore_experiment(self, request: asked.ById) -> dict[str, Any]:
        """Take that back."""
        with self._asking.write() as writing:
            found = experiment(writing.conn, self._asking.owner, request.experiment_id)
            _keep(writing, self._asking.owner, found._replace(deleted_at=None))
        return {}

    def update_experiment(self, request: asked.UpdateExperiment) -> dict[str, Any]:
        """Refused: the name is where its id comes from."""
        raise Refused(
            f"A project keeps its name. Make {request.new_name!r} with create_experiment, and move runs on their pages."
        )

    def set_experiment_tag(self, request: asked.ExperimentTag) -> dict[str, Any]:
        """A tag of an experiment."""
        with self._asking.write() as writing:
            found = experiment(writing.conn, self._asking.owner, request.experiment_id)
            tags = {**found.tags, request.key: request.value}
            if len(tags) > _MOST_TAGS:
                raise Refused(f"An experiment has at most {_MOST_TAGS} tags; delete one first.")
            _keep(writing, self._asking.owner, found._replace(tags=tags))
        return {}

    def delete_experiment_tag(self, request: asked.ExperimentTag) -> dict[str, Any]:
        """No such tag any more."""
        with self._asking.write() as writing:
            found = experiment(writing.conn, self._asking.owner, request.experiment_id)
            if request.key not in found.tags:
                raise Refused(f"The experiment {found.project!r} has no tag {request.key!r}.", NOT_FOUND)
            tags = {key: value for key, value in found.tags.items() if key != request.key}
            _keep(writing, self._asking.owner, found._replace(tags=tags))
        return {}


def experiment(conn: sa.Connection, owner: str, its_id: str) -> Known:
    """An owner's experiment by its id. Raises Refused."""
    row = conn.execute(sa.select(experiments).where(_mine(owner), experiments.c.id == its_id)).first()
    if row is not None:
        return _of_row(row)
    project = next((name for name in _projects(conn, owner) if experiment_id(name) == its_id), None)
    if project is None:
        raise Refused(f"You have no experiment with the id {its_id!r}; search_experiments lists yours.", NOT_FOUND)
    return _of_runs(conn, owner, project)


def open_project(conn: sa.Connection, owner: str, its_id: str, known: str) -> str:
    """The project of an experiment in which runs may begin; `known`: its name, if that is known. Raises Refused."""
    deleted_at = None
    if known or its_id == DEFAULT_ID:
        known = known or DEFAULT_PROJECT
        deleted_at = conn.scalar(sa.select(experiments.c.deleted_at).where(_mine(owner), experiments.c.id == its_id))
    else:
        found = experiment(conn, owner, its_id)
        known, deleted_at = found.project, found.deleted_at
    if deleted_at is not None:
        raise Refused(f"The experiment {known!r} is deleted; restore it first.")
    return known


def projects_of(conn: sa.Connection, owner: str, ids: list[str]) -> list[str] | None:
    """The projects that ids of experiments mean, None for all; ids of none are passed over, as MLflow's server does."""
    named = {experiment_id(name): name for name in _projects(conn, owner)}
    return None if named.keys() <= set(ids) else [named[one] for one in ids if one in named]


def _projects(conn: sa.Connection, owner: str) -> list[str]:
    return list(dict.fromkeys([DEFAULT_PROJECT, *names_in(conn, owner, runs.c.project)]))


def _every(conn: sa.Connection, owner: str) -> list[Known]:
    kept = {row.name: _of_row(row) for row in conn.execute(sa.select(experiments).where(_mine(owner)))}
    others = (_of_runs(conn, owner, name) for name in _projects(conn, owner) if name not in kept)
    return [*kept.values(), *others]


def _kept(conn: sa.Connection, owner: str, project: str) -> Known | None:
    row = conn.execute(sa.select(experiments).where(_mine(owner), experiments.c.name == project)).first()
    if row is not None:
        return _of_row(row)
    found = _of_runs(conn, owner, project)
    return found if found.created_at or project == DEFAULT_PROJECT else None


def _of_runs(conn: sa.Connection, owner: str, project: str) -> Known:
    """A project as its runs tell of it: it is as old as the first."""
    first = sa.select(runs.c.created_at).where(runs.c.project == project, runs.c.owner == owner)
    return Known(project, conn.scalar(first.order_by(runs.c.seq).limit(1)) or 0.0)


def _of_row(row: sa.Row[Any]) -> Known:
    return Known(row.name, row.created_at, row.deleted_at, _tags.decode(row.tags_json))


def _keep(writing: Writing, owner: str, known: Known) -> None:
    values = {"created_at": known.created_at, "deleted_at": known.deleted_at, "tags_json": encode(known.tags)}
    mine = sa.and_(_mine(owner), experiments.c.name == known.project)
    if writing.conn.execute(sa.update(experiments).where(mine).values(values)).rowcount == 0:
        new = sa.insert(experiments).values(owner=owner, name=known.project, id=known.id, **values)
        writing.conn.execute(new)


def _mine(owner: str) -> sa.ColumnElement[bool]:
    return experiments.c.owner == owner


def _item(known: Known) -> Item:
    created_ms = float(round(known.created_at * _MS))
    attributes: dict[str, str | float] = {
        "name": experiment_named(known.project),
        "experiment_id": known.id,
        "creation_time": created_ms,
        "last_update_time": created_ms,
    }
    return Item(attributes, known.tags)
