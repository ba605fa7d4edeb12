"""Names, ids, and what is logged: from MLflow's words into ours."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.events import Meta, Parameters
from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.core.names import Name, RunName
from gpurun_jupyter.tracking.answers import TrackedRun, outcome_of, run_message, status_of
from gpurun_jupyter.tracking.experiments import experiment_id, experiment_named, project_named
from gpurun_jupyter.tracking.logged import metric_events, parameter_events, tag_events
from gpurun_jupyter.tracking.names import made_name, run_named
from gpurun_jupyter.tracking.refusals import Refused
from gpurun_jupyter.tracking.requests import Param, Point, Tag


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_name_can_be_a_project_and_a_run(said: str) -> None:
    msgspec.convert(project_named(said), Name)
    msgspec.convert(run_named(said), RunName)


def test_good_names_stay_as_they_are() -> None:
    assert project_named("my project") == run_named("my project") == "my project"
    assert run_named("a/b") == project_named("a/b") == "a-b"
    assert len({made_name() for _ in range(200)}) > 100


@given(st.text(max_size=50), st.text(max_size=50))
def test_ids_of_experiments_are_digits_and_differ(a: str, b: str) -> None:
    assert experiment_id(a).isdecimal()
    assert int(experiment_id(a)) < 2**53
    assert (experiment_id(a) == experiment_id(b)) == (a == b)


def test_the_default_project_is_the_experiment_0() -> None:
    assert (experiment_id("default"), experiment_named("default"), project_named("Default")) == (
        "0",
        "Default",
        "default",
    )


VALUES = st.one_of(st.floats(), st.sampled_from(["NaN", "Infinity", "-Infinity"]))
MS = st.integers(min_value=0, max_value=4_000_000_000_000)
POINTS = st.lists(
    st.builds(Point, key=st.sampled_from("abc"), value=VALUES, timestamp=MS, step=st.integers(-(2**40), 2**40)),
    max_size=12,
)


@given(POINTS, st.floats(0, 4e9))
def test_values_keep_their_times_steps_and_order(points: list[Point], began_at: float) -> None:
    events = [*metric_events(points, began_at)]
    told = [
        (name, value, round(event.t * 1000), event.step) for event in events for name, value in event.values.items()
    ]
    assert sorted(map(str, told)) == sorted(
        str((one.key, _in_json(one.value), one.timestamp, one.step)) for one in points
    )
    for name in "abc":
        logged = [str(_in_json(one.value)) for one in points if one.key == name]
        assert [str(value) for key, value, _, _ in told if key == name] == logged
    assert all(event.m >= 0 for event in events)


def _in_json(value: float | str) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else "NaN" if math.isnan(number) else f"{'-' * (number < 0)}Infinity"


def test_a_parameter_keeps_its_value() -> None:
    lr = Param(key="lr", value="0.1")
    assert [*parameter_events({}, [lr, lr])] == [Parameters(values={"lr": "0.1"}, by="mlflow/client")]
    assert [*parameter_events({"lr": "0.1"}, [lr])] == []
    for known, params in (({"lr": "1"}, [lr]), ({}, [lr, Param(key="lr", value="2")])):
        with pytest.raises(Refused, match="already"):
            [*parameter_events(known, params)]


def test_what_would_not_be_kept_is_refused() -> None:
    assert [*tag_events([Tag(key="a", value="b")])] == [Meta(values={"a": "b"})]
    assert [*tag_events([])] == []
    with pytest.raises(Refused, match="longer"):
        [*tag_events([Tag(key="a", value='"' * 5000)])]
    with pytest.raises(Refused, match="longer"):
        [*parameter_events({}, [Param(key="a", value="b" * 6001)])]


def test_states_and_statuses() -> None:
    assert status_of(State.QUEUED, None) == "SCHEDULED"
    assert status_of(State.LOST, None) == "RUNNING"
    assert [status_of(State.FINISHED, outcome) for outcome in Outcome] == ["FINISHED", "FAILED", "KILLED", "FAILED"]
    assert outcome_of("KILLED") is Outcome.CANCELLED
    assert outcome_of("RUNNING") is outcome_of(None) is None


def test_a_run_is_told_with_its_own_tags() -> None:
    run = TrackedRun(
        id="k3f9x2ab", name="a", experiment_id="0", user="anna", status="RUNNING", start_ms=1, root="k3f9x2ab",
        parent="b3f9x2ab", tags={"x": "1", "mlflow.user": "somebody"},
        metrics=[Point(key="a", value=math.inf, timestamp=7)],
    )  # fmt: skip
    told = run_message(run)
    tags = {one["key"]: one["value"] for one in told["data"]["tags"]}
    assert tags == {"mlflow.runName": "a", "mlflow.user": "anna", "mlflow.parentRunId": "b3f9x2ab", "x": "1"}
    assert told["data"]["metrics"] == [{"key": "a", "value": "Infinity", "timestamp": 7, "step": 0}]
    assert "end_time" not in told["info"]
