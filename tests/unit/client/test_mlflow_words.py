"""What MLflow takes of a run of ours."""

from __future__ import annotations

import pytest
from unit.client_fake import ended

from gpurun_jupyter.client.mlflow_words import parameters_of, points_of, tags_of
from gpurun_jupyter.core.origins import Origin
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.shipped import ShippedDir


def metric(**columns: object) -> dict[str, object]:
    return {"value": [0.5, float("nan")], "time": [0.0, 1.5], "step": None, "epoch": None} | columns


@pytest.mark.parametrize(
    ("columns", "steps"),
    [
        ({"step": [3.0, 4.0]}, [3, 4]),
        ({"epoch": [1.0, 2.0]}, [1, 2]),
        ({"step": [None, 4.0], "epoch": [1.0, 2.0]}, [1, 2]),
        ({"epoch": [1.25, 1.5]}, [0, 1]),
        ({}, [0, 1]),
    ],
)
def test_each_point_has_a_whole_step(columns: dict[str, object], steps: list[int]) -> None:
    points = [*points_of({"loss": metric(**columns)}, 100.0)]
    assert [point["step"] for point in points] == steps
    assert [(point["value"], point["timestamp"]) for point in points] == [(0.5, 100_000), ("NaN", 101_500)]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("val/acc", "val/acc"),
        ("val/acc@1", "val/acc_1"),
        ("손실", "손실"),
        ("../up", "__up"),
        ("/top", "_top"),
        ("a//b", "a__b"),
        (".", "_"),
        ("..", "_"),
        ("a" * 300, "a" * 250),
    ],
)
def test_names_are_such_as_mlflow_takes(name: str, taken: str) -> None:
    assert [point["key"] for point in points_of({name: metric()}, 0.0)] == [taken, taken]


def test_where_it_comes_from_and_how_it_ended() -> None:
    directory = ShippedDir("0" * 64, entry="train.py", args=["--lr", "0.1", "data"])
    spec = RunSpec(dir=directory, origin=Origin(directory="digits", commit="abc"))
    meta = {"parameters": {"depth": 3}, "imported_mark": "x", "team": "vision", "of": {"a": 1}}
    record = ended(kind="dir", spec=spec, meta=meta, tags=["good", "best"], message="m" * 9000)
    assert parameters_of(record) == {"lr": "0.1", "depth": "3", "arguments": "data"}
    tags = tags_of(record)
    assert tags.pop("gpurun.message") == "m" * 5000
    assert tags == {
        "mlflow.user": "anna",
        "mlflow.source.name": "train.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": "abc",
        "gpurun.kind": "dir",
        "gpurun.outcome": "succeeded",
        "gpurun.reason": "completed",
        "gpurun.tags": "good, best",
        "team": "vision",
        "of": '{"a": 1}',
    }


def test_a_cell_comes_from_its_notebook() -> None:
    cell = RunSpec(code="1", origin=Origin(notebook="digits.ipynb"))
    assert tags_of(ended(spec=cell))["mlflow.source.name"] == "digits.ipynb"
    assert "mlflow.source.type" not in tags_of(ended(spec=RunSpec(code="1")))
