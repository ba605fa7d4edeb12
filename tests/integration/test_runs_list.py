"""Lists of real runs over HTTP, by the client and on the command line: conditions, order, CSV, side by side."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Iterator

import pytest
from servers import BIN, TOKEN, JupyterServer

from gpurun_jupyter import Client
from gpurun_jupyter.core.errors import InvalidRequest

CODE = """import os
from gpurun_jupyter import report
for step in range(3):
    report.log(step=step, acc=round(float(os.environ["ACC"]) + step / 100, 2), loss=1 - step / 10)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("list")).start()
    for name, acc in (("low", "0.1"), ("middle", "0.5"), ("high", "0.9")):
        server.submit(CODE, name=name, env={"ACC": acc}, tags=[name], project="digits")
    server.submit("raise ValueError('no such data')", name="broken")
    for name in ("low", "middle", "high", "broken"):
        server.wait(name)
    yield server
    server.close()


def names(server: JupyterServer, **asked: str) -> list[str]:
    answer = server.http.get("runs", params=asked)
    assert answer.status_code == 200, answer.text
    return [run["name"] for run in answer.json()["runs"]]


def test_conditions_on_what_runs_logged(server: JupyterServer) -> None:
    assert names(server, where="acc > 0.5") == ["high", "middle"]
    assert names(server, where="acc.min = 0.1 or ACC = 0.9") == ["high", "low"]
    assert names(server, where="state = failed") == ["broken"]
    assert names(server, q="NO SUCH") == ["broken"]
    assert names(server, where="acc > 0", after="2020-01-01", project="digits", limit="2") == ["high", "middle"]


def test_windows_have_a_total_and_parameters(server: JupyterServer) -> None:
    page = server.http.get("runs", params={"sort": "-acc", "offset": 1, "limit": 2}).json()
    assert [run["name"] for run in page["runs"]] == ["middle", "low"]
    assert (page["total"], page["next"]) == (4, None)
    assert [page["parameters"][run["id"]] for run in page["runs"]] == [{"ACC": "0.5"}, {"ACC": "0.1"}]
    assert names(server, sort="-acc", offset="3") == ["broken"]


def test_pages_by_cursor_keep_the_conditions(server: JupyterServer) -> None:
    asked = {"where": "acc > 0", "limit": "2"}
    first = server.http.get("runs", params=asked).json()
    assert [run["name"] for run in first["runs"]] == ["high", "middle"]
    assert names(server, **asked, cursor=str(first["next"])) == ["low"]


def test_mistakes_are_sentences(server: JupyterServer) -> None:
    for asked, says in (
        ({"where": "acc >> 1"}, "At character 6"),
        ({"where": "ac > 1"}, "did you mean acc?"),
        ({"sort": "nothing"}, "cannot be sorted"),
        ({"after": "soon"}, "is not a date"),
        ({"sort": "acc", "cursor": "3"}, "no cursor"),
    ):
        answer = server.http.get("runs", params=asked)
        assert answer.status_code == 400
        assert says in answer.json()["error"]["message"]
        assert answer.json()["error"]["hint"]


def test_columns(server: JupyterServer) -> None:
    found = server.http.get("runs/columns").json()
    assert (found["metrics"], found["parameters"]) == (["acc", "loss"], ["ACC"])
    assert set(found["projects"]) == {"default", "digits"}
    assert found["tags"] == ["high", "low", "middle"]


def test_csv(server: JupyterServer) -> None:
    answer = server.http.get(
        "runs.csv", params={"where": "acc > 0", "sort": "acc", "columns": "name,metrics.acc,params.ACC"}
    )
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows == [
        ["name", "metrics.acc", "params.ACC"],
        ["low", "0.12", "0.1"],
        ["middle", "0.52", "0.5"],
        ["high", "0.92", "0.9"],
    ]
    assert server.http.get("runs.csv", params={"columns": "nothing"}).status_code == 400


def test_side_by_side(server: JupyterServer) -> None:
    asked: dict[str, list[str] | str] = {"run": ["low", "high"]}
    found = server.http.get("compare", params=asked).json()
    assert [run["name"] for run in found["runs"]] == ["low", "high"]
    assert found["parameters"] == [{"name": "ACC", "values": ["0.1", "0.9"]}]
    assert [(line["name"], [one["last"] for one in line["values"]]) for line in found["metrics"]] == [
        ("acc", [0.12, 0.92])
    ]
    assert found["spec"] == [{"name": "tags", "values": ["low", "high"]}]
    every = server.http.get("compare", params={**asked, "all": "true"}).json()
    assert [line["name"] for line in every["metrics"]] == ["acc", "loss"]
    assert {line["name"] for line in every["spec"]} >= {"project", "run", "tags"}
    assert server.http.get("compare", params={"run": "low"}).status_code == 400


def test_a_retry_begins_without_the_metrics_of_the_attempt_before(server: JupyterServer) -> None:
    code = (
        CODE
        + """
if os.environ["GPURUN_ATTEMPT"].endswith("1"):
    report.log(once=1.0)
    raise ValueError
"""
    )
    run = server.wait(server.submit(code, name="retried", env={"ACC": "3"}, retries=1))
    assert (run["attempt"], "once" in run["metrics"]) == (2, False)
    assert names(server, where="acc > 3") == ["retried"]
    assert server.http.get("runs", params={"where": "once > 0"}).status_code == 400  # no run has it now
    server.http.delete(f"runs/{run['id']}")


def test_the_client(server: JupyterServer) -> None:
    with Client(server.url, TOKEN) as client:
        assert [run.name for run in client.runs(where="acc > 0.3 and acc < 2", sort="acc")] == ["middle", "high"]
        assert [run.name for run in client.runs(q="low", limit=5)] == ["low"]
        assert "".join(client.runs_csv(where="tag = low", columns=["name"])).split() == ["name", "low"]
        assert client.compare("low", "high")["parameters"][0]["name"] == "ACC"
        with pytest.raises(InvalidRequest, match="At character 5"):
            client.runs(where="acc 3")


def gpurun(server: JupyterServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = server.env | {"GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}
    return subprocess.run([str(BIN / "gpurun"), *arguments], capture_output=True, text=True, env=env, timeout=60)


def test_the_command_line(server: JupyterServer) -> None:
    listed = gpurun(server, "runs", "--where", "acc > 0.3 and acc < 2", "--sort", "-acc", "--json")
    assert [run["name"] for run in json.loads(listed.stdout)] == ["high", "middle"]
    assert "broken" in gpurun(server, "runs", "--search", "no such").stdout
    sheet = gpurun(server, "runs", "--csv", "--project", "digits", "--sort", "acc").stdout
    assert [row["name"] for row in csv.DictReader(io.StringIO(sheet))] == ["low", "middle", "high"]
    compared = gpurun(server, "compare", "low", "high")
    assert "ACC" in compared.stdout
    assert "loss" not in compared.stdout
    assert "loss" in gpurun(server, "compare", "low", "high", "--all").stdout
    wrong = gpurun(server, "runs", "--where", "acc >")
    assert (wrong.returncode, "a value after" in wrong.stderr) == (2, True)


def test_a_deleted_run_is_in_no_list(server: JupyterServer) -> None:
    run = server.wait(server.submit(CODE, name="gone", env={"ACC": "7"}))
    assert names(server, where="acc > 6") == ["gone"]
    server.http.delete(f"runs/{run['id']}")
    assert names(server, where="acc > 6") == []
    assert names(server, sort="-acc")[0] == "high"
