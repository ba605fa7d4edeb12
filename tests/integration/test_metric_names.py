"""Metrics by name: whatever they are called, and however many a run has."""

from __future__ import annotations

import csv
import io

import pytest
from servers import TOKEN, JupyterServer

from gpurun_jupyter.client import Client
from gpurun_jupyter.client.stream import RunsFrame

NAMES = ["val/acc", "val acc", "정확도", "P(acc, top5)", "a,b", "a"]
MANY = 5_000


@pytest.fixture(scope="module")
def named(server: JupyterServer) -> str:
    """A run with metrics of these names."""
    values = {name: (number + 1) / 10 for number, name in enumerate(NAMES)}
    run_id = server.submit(f"from gpurun_jupyter import report\nreport.log(step=0, **{values!r})", name="named", gpu=0)
    server.wait(run_id)
    return run_id


@pytest.fixture(scope="module")
def many(server: JupyterServer) -> str:
    """A run that logged 5,000 metrics."""
    code = f"from gpurun_jupyter import report\nreport.log(**{{f'layer{{n}}/norm': n for n in range({MANY})}})"
    run_id = server.submit(code, name="many", gpu=0)
    server.wait(run_id)
    return run_id


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_asked_for_by_its_name(server: JupyterServer, named: str, name: str) -> None:
    for route, asked in (("runs/named/metrics", {}), ("metrics", {"run": named})):
        told = server.http.get(route, params={"names": name, **asked}).json()
        assert list((told["runs"][named] if "runs" in told else told)["metrics"]) == [name]
    row = server.http.get("runs.csv", params={"columns": f"name,metrics.{name}", "where": "name = named"}).text
    assert next(iter(csv.reader(io.StringIO(row)))) == ["name", f"metrics.{name}"]
    assert server.http.get("runs", params={"where": f'"{name}" > 0'}).json()["runs"][0]["id"] == named


def test_several_are_named_one_by_one_or_with_commas(server: JupyterServer, named: str) -> None:
    for asked in (["val acc,P(acc, top5)"], ["val acc", "P(acc, top5)"]):
        told = server.http.get("runs/named/metrics", params={"names": asked}).json()["metrics"]
        assert list(told) == ["val acc", "P(acc, top5)"]
    assert list(server.http.get("runs/named/metrics", params={"names": ["a,b", "a"]}).json()["metrics"]) == ["a,b", "a"]


def test_many_metrics_do_not_travel_with_lists(server: JupyterServer, many: str) -> None:
    listed = server.http.get("runs", params={"where": "name = many"})
    assert len(listed.content) < 10_000
    run = listed.json()["runs"][0]
    assert (len(run["metrics"]) + run["more_metrics"], run["metrics"]["layer0/norm"]["last"]) == (MANY, 0)
    with Client(server.url, TOKEN) as client, client.get("many").changes() as stream:
        frame = next(frame for frame in stream.frames() if isinstance(frame, RunsFrame))
        assert all(len(one.metrics) < 100 for one in frame.runs)


def test_lists_carry_the_metrics_that_are_asked_for(server: JupyterServer, many: str) -> None:
    wanted = ["layer4321/norm", "layer7/norm", "none"]
    for asked in ({}, {"offset": 0}, {"sort": "-layer4321/norm"}):
        found = server.http.get("runs", params={"where": "name = many", "metrics": wanted, **asked}).json()["runs"][0]
        assert found["metrics"]["layer4321/norm"]["last"] == 4321
        assert "none" not in found["metrics"]


def test_all_of_them_are_there_for_who_asks_for_the_run(server: JupyterServer, many: str) -> None:
    run = server.run("many")
    assert (len(run["metrics"]), run["more_metrics"]) == (MANY, 0)
    assert server.http.get("runs", params={"where": "layer4999/norm = 4999"}).json()["runs"][0]["id"] == many
    assert len(server.http.get("runs/many/metrics").json()["metrics"]) == MANY
