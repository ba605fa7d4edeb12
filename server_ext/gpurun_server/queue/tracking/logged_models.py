"""Models that were logged (LoggedModel of MLflow 3): each is a fact about its run, its files are among the run's."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.events import Meta
from gpurun_jupyter.core.names import new_run_id
from gpurun_jupyter.tracking import model_requests as models_asked
from gpurun_jupyter.tracking import requests as asked
from gpurun_jupyter.tracking.answers import artifact_uri
from gpurun_jupyter.tracking.experiments import experiment_id
from gpurun_jupyter.tracking.fitting import Item, searched
from gpurun_jupyter.tracking.logged_models import FACT, READY, LoggedModel
from gpurun_jupyter.tracking.names import run_named
from gpurun_jupyter.tracking.refusals import NOT_FOUND, Refused
from gpurun_server.queue.intake.logged_runs import NewRun
from gpurun_server.queue.tracking.artifacts import Artifacts
from gpurun_server.queue.tracking.asking import Asking, page_of, paged
from gpurun_server.queue.tracking.experiments import projects_of
from gpurun_server.queue.tracking.run_changes import RunChanges
from gpurun_server.queue.tracking.run_messages import facts_with, roots_of
from gpurun_server.store.queries import decode_meta, kept_of
from gpurun_server.store.tables import runs

_ID_LETTERS = 8  # those of a run's id, which the id of a model begins with behind `m-`
_LONGEST = 7900  # characters of what is known of one, as JSON
_MS = 1000


class LoggedModels:
    """What clients ask of such models, and change."""

    def __init__(self, asking: Asking, changes: RunChanges, artifacts: Artifacts) -> None:
        self._asking = asking
        self._changes = changes
        self._artifacts = artifacts

    def create_logged_model(self, request: models_asked.CreateLoggedModel) -> dict[str, Any]:
        """A model whose files come next; without a run it gets one of its own."""
        run_id = request.source_run_id or self._own_run(request)
        model = LoggedModel(
            id=f"m-{run_id}{secrets.token_hex(12)}",
            name=request.name or "model",
            root=run_id,
            experiment_id=request.experiment_id,
            run=run_id,
            type=request.model_type,
            created_ms=round(time.time() * _MS),
            tags={tag.key: tag.value for tag in request.tags},
            params={param.key: param.value for param in request.params},
            is_alone=not request.source_run_id,
        )
        return self._kept(model)

    def finalize_logged_model(self, request: models_asked.FinalizeLoggedModel) -> dict[str, Any]:
        """Its files are there, or they never will be."""
        model = self.model(request.model_id)
        model.status = request.status
        kept = self._kept(model)
        if model.is_alone:
            ends: asked.Status = "FINISHED" if request.status == READY else "FAILED"
            self._changes.update_run(asked.UpdateRun(run_id=model.run, status=ends))
        return kept

    def get_logged_model(self, request: models_asked.OfLoggedModel) -> dict[str, Any]:
        """One by its id."""
        return {"model": self.model(request.model_id).message}

    def delete_logged_model(self, request: models_asked.OfLoggedModel) -> dict[str, Any]:
        """Forget it; its files stay with its run."""
        model = self.model(request.model_id)
        known = self._changes.writable(model.run)
        self._changes.append(model.run, known, [Meta(values={FACT + model.id: None})])
        return {}

    def set_logged_model_tags(self, request: models_asked.LoggedModelTags) -> dict[str, Any]:
        """Tags of a model."""
        model = self.model(request.model_id)
        model.tags |= {tag.key: tag.value for tag in request.tags}
        return self._kept(model)

    def delete_logged_model_tag(self, request: models_asked.LoggedModelTag) -> dict[str, Any]:
        """No such tag any more."""
        model = self.model(request.model_id)
        if model.tags.pop(request.tag_key, None) is None:
            raise Refused(f"The model {model.id} has no tag {request.tag_key!r}.", NOT_FOUND)
        return self._kept(model)

    def log_logged_model_params(self, request: models_asked.LoggedModelParams) -> dict[str, Any]:
        """Parameters of a model."""
        model = self.model(request.model_id)
        model.params |= {param.key: param.value for param in request.params}
        return self._kept(model)

    def list_logged_model(self, request: models_asked.LoggedModelArtifacts) -> dict[str, Any]:
        """What lies at a path among its files."""
        model, path = self.model(request.model_id), request.artifact_directory_path
        listed = self._artifacts.listed("/".join(filter(None, (model.root, model.id, path))))
        files = [one.message("/".join(filter(None, (path, one.name)))) for one in listed]
        return {"root_uri": artifact_uri(model.root, model.id), "files": files}

    def search_logged_models(self, request: models_asked.SearchLoggedModels) -> dict[str, Any]:
        """Those of experiments that fit a filter, the newest first where nobody says otherwise."""
        at, owner = page_of(request.page_token), self._asking.owner
        orders = [_in_words(one) for one in request.order_by]
        with self._asking.read() as conn:
            projects = projects_of(conn, owner, request.experiment_ids)
            mine = sa.select(runs).where(kept_of(owner), _names(FACT))
            if projects is not None:
                mine = mine.where(runs.c.project.in_(projects))
            rows = conn.execute(mine.order_by(runs.c.seq.desc())).all()
            roots = roots_of(conn, rows)
        every = [one for row in rows for one in _models(row, roots[row.id])]
        found = searched(every, _item, request.filter, orders, ("creation_timestamp DESC", "model_id"))
        shown = [one.message for one in found[at : at + request.max_results + 1]]
        return paged("models", shown, at, request.max_results)

    def model(self, model_id: str) -> LoggedModel:
        """The model with this id, which mostly begins with that of its run. Raises Refused."""
        mine = sa.select(runs).where(kept_of(self._asking.owner), _names(FACT + model_id))
        with self._asking.read() as conn:
            near = conn.execute(mine.where(runs.c.id == model_id[2 : 2 + _ID_LETTERS])).first()
            row = near or conn.execute(mine.limit(1)).first()
            roots = roots_of(conn, [row] if row else [])
        for model in _models(row, roots[row.id]) if row else ():
            if model.id == model_id:
                return model
        raise Refused(f"You have no logged model {model_id!r}; search_logged_models lists yours.", NOT_FOUND)

    def _own_run(self, request: models_asked.CreateLoggedModel) -> str:
        name = run_named(request.name or "model")
        new = NewRun(id=new_run_id(), name=name, project="", owner=self._asking.owner, began_at=time.time())
        self._changes.begin(new, request.experiment_id)
        return new.id

    def _kept(self, model: LoggedModel) -> dict[str, Any]:
        model.updated_ms = round(time.time() * _MS)
        if len(msgspec.json.encode(model.fact[FACT + model.id]).decode()) > _LONGEST:
            raise Refused("What is said of the model is too long; give it fewer and shorter tags and parameters.")
        known = self._changes.writable(model.run)
        self._changes.append(model.run, known, [Meta(values=model.fact)])
        return {"model": model.message}


def _in_words(by: dict[str, Any]) -> str:
    """An order of theirs, as those of searches for runs are written."""
    return f"{by.get('field_name', '')} {'ASC' if by.get('ascending') else 'DESC'}"


def _names(fact: str) -> sa.ColumnElement[bool]:
    return runs.c.meta_json.contains(f'"{fact}', autoescape=True)


def _models(row: sa.Row[Any], root: str) -> Iterator[LoggedModel]:
    """The models that a run has logged; whose they are is no word of theirs."""
    for model_id, said in facts_with(decode_meta(row.meta_json), FACT).items():
        try:
            model = msgspec.convert(said, LoggedModel)
        except msgspec.ValidationError:
            continue  # a run can announce any fact
        placed = {"id": model_id, "root": root, "experiment_id": experiment_id(row.project)}
        yield msgspec.structs.replace(model, run=model.run or row.id, **placed)


def _item(model: LoggedModel) -> Item:
    attributes: dict[str, str | float] = {
        "name": model.name,
        "model_id": model.id,
        "model_type": model.type,
        "status": model.status,
        "source_run_id": model.run,
        "creation_timestamp": float(model.created_ms),
        "creation_timestamp_ms": float(model.created_ms),
        "last_updated_timestamp": float(model.updated_ms),
    }
    return Item(attributes, model.tags)
