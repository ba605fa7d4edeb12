"""Runs that diverged: NaN and infinity are values, in lists, columns, CSV and the registry, and never the best."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from servers import TOKEN, JupyterServer

from gpurun_jupyter.client import Client

CODE = """import os, pathlib
from gpurun_jupyter import report
pathlib.Path("model.pt").write_text(os.environ["HOW"])
ends = {"good": 0.9, "diverged": float("nan"), "flown": float("inf")}
for step, acc in enumerate([0.5, 0.95 if os.environ["HOW"] != "good" else 0.8, ends[os.environ["HOW"]]]):
    report.log(step=step, acc=acc)
report.save_model("model.pt", name=os.environ["HOW"])
"""


@pytest.fixture(scope="module")
def runs(server: JupyterServer) -> dict[str, str]:
    """Runs whose acc is 0.9, NaN or infinite in the end, by what they are called."""
    ids = {
        how: server.submit(CODE, name=how, project="nanp", gpu=0, env={"HOW": how})
        for how in ("good", "diverged", "flown")
    }
    for run_id in ids.values():
        assert server.wait(run_id)["outcome"] == "succeeded"
    return ids


def names(server: JupyterServer, **asked: Any) -> list[str]:
    found = server.http.get("runs", params={"project": "nanp", **asked})
    assert found.status_code == 200, found.text
    return [run["name"] for run in found.json()["runs"]]


def test_the_last_value_is_a_word_that_browsers_read(server: JupyterServer, runs: dict[str, str]) -> None:
    assert server.run("diverged")["metrics"]["acc"] == {"last": "NaN", "min": 0.5, "max": 0.95, "step": 2.0}
    assert server.run("flown")["metrics"]["acc"]["last"] == "Infinity"
    columns = server.http.get("runs/diverged/metrics").json()["metrics"]["acc"]
    assert (columns["value"], columns["last"], columns["max"]) == ([0.5, 0.95, "NaN"], "NaN", 0.95)
    assert json.loads(server.http.get("runs/diverged/events").text.splitlines()[-3])["kind"]


def test_it_fulfils_no_comparison_and_sorts_last(server: JupyterServer, runs: dict[str, str]) -> None:
    assert names(server, where="acc > 0.94") == []
    assert names(server, where="acc < 0.94") == ["good"]
    assert names(server, sort="acc", offset=0)[0] == names(server, sort="-acc", offset=0)[0] == "good"


def test_csv_and_comparison_say_it(server: JupyterServer, runs: dict[str, str]) -> None:
    sheet = server.http.get("runs.csv", params={"project": "nanp", "sort": "name", "columns": "name,metrics.acc"}).text
    assert sheet.split() == ["name,metrics.acc", "diverged,nan", "flown,inf", "good,0.9"]
    compared = server.http.get("compare", params={"run": ["good", "diverged"]}).json()
    assert [value["last"] for value in compared["metrics"][0]["values"]] == [0.9, "NaN"]


def test_it_is_never_the_best(server: JupyterServer, runs: dict[str, str]) -> None:
    for mode in ("max", "min"):
        best = {"metric": "acc", "mode": mode, "project": "nanp"}
        new = {"name": f"best-{mode}", "best": best, "path": "model.pt"}
        assert server.http.post("models", json=new).json()["run_id"] == runs["good"]
    projects = server.http.get("projects").json()["projects"]
    assert next(one for one in projects if one["name"] == "nanp")["best"]["run_name"] == "good"


def test_a_model_that_was_saved_then_has_it_as_its_metric(server: JupyterServer, runs: dict[str, str]) -> None:
    assert server.http.get("models/diverged/1").json()["metrics"] == {"acc": "NaN"}


def test_the_client_gives_floats(server: JupyterServer, runs: dict[str, str]) -> None:
    with Client(server.url, TOKEN) as client:
        acc = client.get("diverged").metrics()["acc"]
        assert acc["value"][:2] == [0.5, 0.95]
        assert math.isnan(acc["value"][2])
        assert math.isnan(acc["last"])
