"""Runs that a client outside makes and logs: each is a logged run of whoever asks, and all it says is events."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core import events
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_jupyter.core.names import new_run_id
from gpurun_jupyter.core.runs import LOGGED_KIND
from gpurun_jupyter.tracking import requests as asked
from gpurun_jupyter.tracking.answers import PARENT, RUN_NAME, USER, TrackedRun, outcome_of, run_info, run_message
from gpurun_jupyter.tracking.logged import metric_events, parameter_events, tag_events
from gpurun_jupyter.tracking.names import run_named
from gpurun_jupyter.tracking.refusals import DENIED, NOT_FOUND, Refused
from gpurun_server.queue.intake import logged_runs
from gpurun_server.queue.intake.logged_runs import NewRun
from gpurun_server.queue.lifecycle.transitions import touch
from gpurun_server.queue.tracking.asking import Asking
from gpurun_server.queue.tracking.experiments import open_project
from gpurun_server.queue.tracking.log_writing import KnownRun
from gpurun_server.queue.tracking.run_messages import roots_of, tracked_runs
from gpurun_server.queue.upkeep.deletion import delete, restore
from gpurun_server.store.database import Writing
from gpurun_server.store.folders import records
from gpurun_server.store.queries import decode_meta

_MS = 1000
_MOST_AT_ONCE = 20_000  # values, parameters and tags of one request
_HISTORY = "mlflow.log-model.history"
_HISTORY_MOST = 6000  # characters
_REASONS = {
    Outcome.SUCCEEDED: Reason.COMPLETED,
    Outcome.FAILED: Reason.EXCEPTION,
    Outcome.CANCELLED: Reason.CANCELLED_BY,
}


class RunChanges:
    """What clients do with runs."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def create_run(self, request: asked.CreateRun) -> dict[str, Any]:
        """A run that goes on, with its tags; nested in another logged run where a tag says so."""
        tags = {tag.key: tag.value for tag in request.tags}
        began = time.time() if request.start_time is None else request.start_time / _MS
        new = NewRun(
            id=new_run_id(),
            name=run_named(request.run_name or tags.get(RUN_NAME, "")),
            project="",
            owner=self._asking.owner,
            parent=tags.get(PARENT) or None,
            began_at=began,
        )
        facts = [asked.Tag(key=key, value=value) for key, value in tags.items() if key not in (RUN_NAME, PARENT, USER)]
        self.begin(new, request.experiment_id, tag_events(facts))
        run = TrackedRun(
            id=new.id,
            name=new.name,
            experiment_id=request.experiment_id,
            user=new.owner,
            status="RUNNING",
            start_ms=round(began * _MS),
            root=new.id,
            parent=new.parent,
            tags={fact.key: fact.value for fact in facts},
        )
        return {"run": run_message(run)}

    def begin(self, new: NewRun, experiment_id: str, told: Iterable[events.Event] = ()) -> None:
        """Have a new run in an experiment, of which this was told. Raises Refused.

        That it has begun is in its log at once, and in the database as all else that is logged.
        """
        known, home, logs = KnownRun(new.owner, new.began_at), self._asking.home, self._asking.logs
        happened = [logged_runs.start(new.began_at), *_stamped(known, told)]
        with self._asking.database.write() as writing:
            project = logs.projects.get((new.owner, experiment_id), "")
            project = open_project(writing.conn, new.owner, experiment_id, project)
            if new.parent is not None:
                self._writable_row(writing.conn, new.parent)
            logged_runs.make(writing, home, msgspec.structs.replace(new, project=project), by=new.owner)
            logged_runs.append(home, new.id, happened)
        logs.projects[new.owner, experiment_id] = project
        logs.remember(new.id, known)
        logs.has_grown(new.id)

    def update_run(self, request: asked.UpdateRun) -> dict[str, Any]:
        """Its end, that it goes on after all, or another name."""
        known = self.writable(request.run)
        with self._asking.write() as writing:
            row = self._asking.run(writing.conn, request.run)
            if request.run_name and request.run_name != row.name:
                _rename(writing, row.id, run_named(request.run_name))
            ends = outcome_of(request.status)
            if ends is None and request.status is not None and row.state == State.FINISHED.value:
                logged_runs.reopen(writing, self._asking.home, row.id)
            elif ends is not None and row.outcome != ends.value:
                self._end(writing, row, known, ends, request.end_time)
            (run,) = tracked_runs(writing.conn, [self._asking.run(writing.conn, row.id)])
        return {"run_info": run_info(run)}

    def delete_run(self, request: asked.OfRun) -> dict[str, Any]:
        """Delete it, for ten minutes so that it can be restored; one that a client still logs ends before."""
        with self._asking.write() as writing:
            row = self._asking.run(writing.conn, request.run)
            if row.kind == LOGGED_KIND and row.state != State.FINISHED.value and row.deleted_at is None:
                self._end(writing, self._writable_row(writing.conn, row.id), None, Outcome.CANCELLED, None)
            if row.deleted_at is None:
                delete(writing, row.id, by=self._asking.owner)
        return {}

    def restore_run(self, request: asked.OfRun) -> dict[str, Any]:
        """Take that back."""
        with self._asking.write() as writing:
            restore(writing, self._asking.run(writing.conn, request.run).id, by=self._asking.owner)
        return {}

    def log_metric(self, request: asked.LogMetric) -> dict[str, Any]:
        """A value."""
        point = asked.Point(key=request.key, value=request.value, timestamp=request.timestamp, step=request.step)
        return self._log(request.run, [point], [], [])

    def log_param(self, request: asked.LogParam) -> dict[str, Any]:
        """A parameter, which keeps its value."""
        return self._log(request.run, [], [asked.Param(key=request.key, value=request.value)], [])

    def set_tag(self, request: asked.SetTag) -> dict[str, Any]:
        """A tag; that of its name is its name."""
        if request.key == RUN_NAME:
            self.update_run(asked.UpdateRun(run_id=request.run, run_name=request.value))
            return {}
        return self._log(request.run, [], [], [asked.Tag(key=request.key, value=request.value)])

    def log_batch(self, request: asked.LogBatch) -> dict[str, Any]:
        """Values, parameters and tags: all or nothing."""
        if len(request.metrics) + len(request.params) + len(request.tags) > _MOST_AT_ONCE:
            raise Refused(f"A batch has at most {_MOST_AT_ONCE:,} values, parameters and tags; send several.")
        return self._log(request.run, request.metrics, request.params, request.tags)

    def delete_tag(self, request: asked.DeleteTag) -> dict[str, Any]:
        """No such tag any more."""
        known = self.writable(request.run)
        if request.key not in self.facts(request.run):
            raise Refused(f"The run {request.run} has no tag {request.key!r}.", NOT_FOUND)
        self.append(request.run, known, [events.Meta(values={request.key: None})])
        return {}

    def log_model_json(self, request: asked.LogModelJson) -> dict[str, Any]:
        """What clients before MLflow 3 say of a model: the latest few stay, as a tag."""
        known = self.writable(request.run)
        try:
            before = msgspec.json.decode(str(self.facts(request.run).get(_HISTORY, "[]")), type=list[Any])
            every = [*before, msgspec.json.decode(request.model_json)]
        except msgspec.DecodeError as error:
            raise Refused(f"model_json cannot be read: {error}.") from error
        while every and len(msgspec.json.encode(every)) > _HISTORY_MOST:
            every = every[1:]
        tag = asked.Tag(key=_HISTORY, value=msgspec.json.encode(every).decode())
        self.append(request.run, known, [*tag_events([tag])])
        return {}

    def facts(self, run_id: str) -> dict[str, Any]:
        """The facts about a run as they are now."""
        with self._asking.read() as conn:
            return decode_meta(self._asking.run(conn, run_id).meta_json)

    def writable(self, run_id: str) -> KnownRun:
        """A run that clients may log to. Raises Refused for any other."""
        logs, owner = self._asking.logs, self._asking.owner
        if (known := logs.known(run_id, owner)) is not None:
            return known
        with self._asking.database.read() as conn:
            row = self._writable_row(conn, run_id)
        return logs.remember(row.id, KnownRun(owner, row.started_at or row.created_at))

    def append(self, run_id: str, known: KnownRun, happened: Iterable[events.Event]) -> None:
        """Write what has no time of its own as of now."""
        self._asking.logs.append(run_id, _stamped(known, happened))

    def _log(
        self, run_id: str, points: list[asked.Point], params: list[asked.Param], tags: list[asked.Tag]
    ) -> dict[str, Any]:
        known = self.writable(run_id)
        there = self._asking.logs.parameters(run_id, known) if params else {}
        told = [*parameter_events(there, params), *tag_events(tags)]
        if happened := [*metric_events(points, known.began_at), *_stamped(known, told)]:
            self._asking.logs.append(run_id, happened)
        return {}

    def _writable_row(self, conn: sa.Connection, run_id: str) -> sa.Row[Any]:
        row = self._asking.run(conn, run_id)
        if row.deleted_at is not None:
            raise Refused(f"The run {row.name} ({row.id}) is deleted; restore it first.")
        if row.kind != LOGGED_KIND or roots_of(conn, [row])[row.id] != row.id:
            raise Refused(
                f"The run {row.name} ({row.id}) is carried out by gpurun, and its own code logs to it. "
                "Log in that code, or begin a run of your own with mlflow.start_run().",
                DENIED,
            )
        return row

    def _end(
        self, writing: Writing, row: sa.Row[Any], known: KnownRun | None, outcome: Outcome, end_ms: int | None
    ) -> None:
        """Its log says that it has ended, then its row does; what had ended in another way goes on for a moment."""
        home, began = self._asking.home, known.began_at if known else row.started_at or row.created_at
        if row.state == State.FINISHED.value:
            logged_runs.reopen(writing, home, row.id)
        t = time.time() if end_ms is None else end_ms / _MS
        end = events.End(outcome=outcome, reason=_REASONS[outcome], t=t, m=max(0.0, t - began))
        logged_runs.append(home, row.id, [end])
        logged_runs.take_in(writing, home, row.id)


def _stamped(known: KnownRun, happened: Iterable[events.Event]) -> list[events.Event]:
    """What has no time of its own, as of now."""
    now = time.time()
    return [msgspec.structs.replace(one, t=now, m=max(0.0, now - known.began_at)) for one in happened]


def _rename(writing: Writing, run_id: str, name: str) -> None:
    """Also in its folder, so that `gpurun reindex` finds it."""
    folder = writing.home.run(run_id)
    before = records.read(folder)
    writing.if_undone.append(lambda: records.write(folder, before))
    spec = msgspec.structs.replace(before.spec, name=name)
    records.write(folder, msgspec.structs.replace(before, name=name, spec=spec))
    touch(writing, run_id, name=name)
