"""What MLflow's clients ask about runs in an attempt: the first run that the code creates is the run itself.

An id that is set beforehand (MLFLOW_RUN_ID) would break scripts that choose an experiment or a store of their own.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from gpurun_jupyter.agent.runner.tracking.artifacts import Artifacts, Elsewhere
from gpurun_jupyter.agent.runner.tracking.history import history_in
from gpurun_jupyter.agent.runner.tracking.logged_run import LoggedRun, Tell, end_of_child, of_child, start_of_child
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.names import new_run_id
from gpurun_jupyter.tracking import requests as asked
from gpurun_jupyter.tracking.answers import (
    PARENT,
    RUN_NAME,
    TrackedRun,
    artifact_uri,
    experiment_message,
    history_message,
    outcome_of,
    run_info,
    run_message,
)
from gpurun_jupyter.tracking.experiments import experiment_id, experiment_named, project_named
from gpurun_jupyter.tracking.refusals import Refused

#: The tag that says which experiment the code asked for, where that is not the run's project.
EXPERIMENT = "mlflow.experimentName"
INPUTS, _INPUTS_CHARS = "mlflow.inputs", 8000
_NOT_DELETED = "A run is not deleted by its own code; delete it in gpurun when it has ended."

Answered = dict[str, Any]


class AttemptRuns:
    """Answers by the names of `tracking/endpoints.py`. `earlier`: ids of the same session's attempts before."""

    def __init__(self, log: Path, grant: Grant, artifacts: Artifacts, tell: Tell, earlier: set[str]) -> None:
        self._log = log
        self._grant = grant
        self._artifacts = artifacts
        self._tell = tell
        self._earlier = earlier
        self._experiment = experiment_id(grant.project)
        self._asked_for = ""  # the experiment
        self._began_at = time.time()
        self.itself = LoggedRun(self._new(grant.run_id, grant.name, _ms(self._began_at)), self._began_at, tell)
        self._children: dict[str, LoggedRun] = {}
        self._is_taken = False  # the code has created the run that it is

    def run(self, run_id: str) -> LoggedRun:
        """The run itself, or a child. Raises Elsewhere."""
        if run_id in self._earlier:  # still active from an earlier cell
            self._is_taken = True
            return self.itself
        found = self.itself if run_id == self._grant.run_id else self._children.get(run_id)
        if found is None:
            raise Elsewhere
        return found

    # experiments: the run's project is all that there is

    def get_experiment_by_name(self, request: asked.ByName) -> Answered:
        """Whatever the name: it is kept as a tag."""
        self._asked_for = request.experiment_name
        return {"experiment": experiment_message(self._experiment, request.experiment_name)}

    def create_experiment(self, request: asked.CreateExperiment) -> Answered:
        """The same."""
        self._asked_for = request.name
        return {"experiment_id": self._experiment}

    def get_experiment(self, request: asked.ById) -> Answered:
        """The run's own. Raises Elsewhere."""
        if request.experiment_id != self._experiment:
            raise Elsewhere
        name = self._asked_for or experiment_named(self._grant.project)
        return {"experiment": experiment_message(self._experiment, name)}

    # runs

    def create_run(self, request: asked.CreateRun) -> Answered:
        """The run itself at first, then children."""
        tags = [tag for tag in request.tags if tag.key != PARENT]
        if self._asked_for and project_named(self._asked_for) != self._grant.project:
            tags.append(asked.Tag(key=EXPERIMENT, value=self._asked_for))
        if self._is_taken:
            parent = next((tag.value for tag in request.tags if tag.key == PARENT), None)
            run = self._child(request, parent if parent in self._children else None)
        else:
            run, self._is_taken = self.itself, True
            run.said.user, run.said.start_ms = request.user_id or run.said.user, request.start_time or run.said.start_ms
        run.log(tags=tags)
        return {"run": run_message(run.now)}

    def _child(self, request: asked.CreateRun, parent: str | None) -> LoggedRun:
        named = next((tag.value for tag in request.tags if tag.key == RUN_NAME), "")
        numbered = f"{self._grant.name[:90]}.{len(self._children) + 1}"
        said = self._new(new_run_id(), request.run_name or named or numbered, request.start_time or _ms(time.time()))
        said.user, said.parent = request.user_id, parent or self._grant.run_id
        tell = of_child(said, parent, self._tell)
        tell([start_of_child(said.start_ms / 1000)])
        child = self._children[said.id] = LoggedRun(said, said.start_ms / 1000, tell)
        return child

    def update_run(self, request: asked.UpdateRun) -> Answered:
        """That the run itself is FINISHED ends nothing; a child does end, and may go on again."""
        run = self.run(request.run)
        before = run.said.status
        run.update(request.status, request.end_time, request.run_name)
        if run is not self.itself and run.said.status != before:
            outcome = outcome_of(request.status)
            tell = of_child(run.said, _parent_of(run.said, self._grant.run_id), self._tell)
            tell([start_of_child(time.time()) if outcome is None else end_of_child(outcome)])
        return {"run_info": run_info(run.now)}

    def get_run(self, request: asked.OfRun) -> Answered:
        """As it is by now. Raises Elsewhere."""
        return {"run": run_message(self.run(request.run).now)}

    def delete_run(self, request: asked.OfRun) -> Answered:
        """Raises Refused, and Elsewhere."""
        self.run(request.run)
        raise Refused(_NOT_DELETED)

    def log_metric(self, request: asked.LogMetric) -> Answered:
        """One value. Raises Elsewhere, as all that follow."""
        point = asked.Point(key=request.key, value=request.value, timestamp=request.timestamp, step=request.step)
        self.run(request.run).log(points=[point])
        return {}

    def log_param(self, request: asked.LogParam) -> Answered:
        """One parameter."""
        self.run(request.run).log(params=[asked.Param(key=request.key, value=request.value)])
        return {}

    def set_tag(self, request: asked.SetTag) -> Answered:
        """One tag."""
        self.run(request.run).log(tags=[asked.Tag(key=request.key, value=request.value)])
        return {}

    def delete_tag(self, request: asked.DeleteTag) -> Answered:
        """Take one away."""
        self.run(request.run).forget_tag(request.key)
        return {}

    def log_batch(self, request: asked.LogBatch) -> Answered:
        """Many of each."""
        self.run(request.run).log(request.metrics, request.params, request.tags)
        return {}

    def log_inputs(self, request: asked.LogInputs) -> Answered:
        """Data sets, as a tag."""
        said = msgspec.json.encode(request.datasets).decode()[:_INPUTS_CHARS]
        self.run(request.run).log(tags=[asked.Tag(key=INPUTS, value=said)])
        return {}

    def log_outputs(self, request: asked.OfRun) -> Answered:
        """Which models it has made, they say themselves."""
        self.run(request.run)
        return {}

    def log_model_json(self, request: asked.LogModelJson) -> Answered:
        """Of a client before MLflow 3, whose models are artifacts."""
        return self.log_outputs(asked.OfRun(run_id=request.run))

    def get_metric_history(self, request: asked.MetricHistory) -> Answered:
        """All values that were logged so far."""
        run = self.run(request.run)
        child = None if run is self.itself else run.said.id
        return {"metrics": history_message(request.metric_key, history_in(self._log, request.metric_key, child))}

    def list_artifacts(self, request: asked.ListArtifacts) -> Answered:
        """A folder of them."""
        run_id = self.run(request.run).said.id
        folder = self._artifacts.of(run_id, request.path)
        files = self._artifacts.listed(folder, f"{request.path.rstrip('/')}/" if request.path else "")
        return {"root_uri": artifact_uri(self._grant.run_id, run_id), "files": files}

    def _new(self, run_id: str, name: str, start_ms: int) -> TrackedRun:
        return TrackedRun(
            id=run_id,
            name=name,
            experiment_id=self._experiment,
            user=self._grant.owner,
            status="RUNNING",
            start_ms=start_ms,
            root=self._grant.run_id,
        )


def _parent_of(child: TrackedRun, itself: str) -> str | None:
    return None if child.parent == itself else child.parent


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
