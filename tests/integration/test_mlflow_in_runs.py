"""An MLflow client that nobody changed: in a script, in cells, and read back beside Jupyter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mlflow_client import in_a_notebook, said_in, script
from servers import TOKEN, JupyterServer

from gpurun_jupyter import Client

PAGE = Path(__file__).parents[2] / "docs" / "your-script.md"
_BEFORE = """
import mlflow
open("plot.png", "w").close()
def double(model_input: list[int]) -> list[int]:
    return [2 * one for one in model_input]
"""
_READ_BACK = """
    runs = mlflow.search_runs(search_all_experiments=True, filter_string="tags.kind = 'digits'", output_format="list")
    said = [[run.info.run_id, run.data.params, run.data.metrics["acc"]] for run in runs]
"""


def test_a_script_that_nobody_changed(server: JupyterServer, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(script("of-a-script"))
    with Client(server.url, TOKEN) as client:
        run_id = client.submit_dir(tmp_path, "train.py").id
    run = server.wait(run_id, timeout_s=180)
    assert run["outcome"] == "succeeded", server.log(run_id)
    said = said_in(server.log(run_id))
    assert said["itself"] == run_id
    assert (run["metrics"]["acc"]["last"], run["metrics"]["loss"]["last"]) == (1, "NaN")
    assert (run["meta"]["kind"], run["meta"]["mlflow.experimentName"]) == ("digits", "what I call it")
    children = {child: server.run(child) for child in (*said["children"], said["later"])}
    assert {child["parent"] for child in children.values()} == {run_id}
    assert {(child["state"], child["kind"]) for child in children.values()} == {("finished", "logged")}
    assert children[said["children"][1]]["metrics"]["score"]["last"] == 1.5
    assert children[said["later"]]["metrics"]["alone"]["last"] == 2
    model = server.http.get("models/of-a-script").json()
    assert model["aliases"]["release"] == int(said["version"]) == 1
    assert model["versions"][0]["run_id"] == run_id
    assert [run_id, {"lr": "0.1", "layers": "2", "name": "a b"}, 1.0] in in_a_notebook(server.url, TOKEN, _READ_BACK)


def test_the_page_says_what_a_run_has_of_what_its_code_logs(server: JupyterServer) -> None:
    rows = re.findall(r"^\| `(mlflow\..*)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 6
    code = "\n".join(line for line, _ in rows)
    run_id = server.submit(f"{_BEFORE}\n{code}")
    run = server.wait(run_id, timeout_s=180)
    assert run["outcome"] == "succeeded", server.log(run_id)
    within = server.http.get("runs", params={"parent": run_id}).json()["runs"]
    files = [file["path"].replace(run_id, "RUN") for file in server.http.get(f"runs/{run_id}/files").json()["files"]]
    for line, read in rows:
        what, name, value = (re.findall(r"^(\w+) `([^`]+)` ?(.*)$", read) or [(read, "", "")])[0]
        has = {
            "metric": lambda name: str(run["metrics"][name]["last"]),
            "parameter": lambda name: run["meta"]["parameters"][name],
            "fact": lambda name: run["meta"][name],
            "file": lambda name: "" if name in files else "no such file",
            "model": lambda name: str(server.http.get(f"models/{name}").json()["latest"]),
        }
        if what in has:
            assert has[what](name) == value, line
        else:
            assert read in ("nothing more: the run is that run", "a run within it"), read
    assert len(within) == 1


def test_a_cell_that_nobody_changed(server: JupyterServer) -> None:
    run_id = server.submit(script("of-a-cell"))
    run = server.wait(run_id, timeout_s=180)
    assert run["outcome"] == "succeeded", server.log(run_id)
    assert said_in(server.log(run_id))["itself"] == run_id


def test_in_a_session_a_run_that_is_still_active_is_the_present_one(server: JupyterServer) -> None:
    begins = "import mlflow\nactive = mlflow.start_run()\nmlflow.log_param('lr', 1)\nprint(active.info.run_id)"
    goes_on = (
        "mlflow.log_metric('acc', 0.5)\nmlflow.log_text('x', 'a.txt')\nmlflow.end_run()\nmlflow.log_metric('b', 1)"
    )
    first, second = (server.submit(code, session="active") for code in (begins, goes_on))
    for run_id in (first, second):
        assert server.wait(run_id, timeout_s=120)["outcome"] == "succeeded", server.log(run_id)
    assert first in server.log(first)
    assert server.run(first)["meta"]["parameters"] == {"lr": "1"}
    found = server.run(second)
    assert set(found["metrics"]) == {"acc"}  # the next that it began is a child
    assert (server.home / "runs" / second / "attempts" / "1" / "work" / "mlartifacts" / second / "a.txt").exists() or (
        server.home / "runs" / first / "attempts" / "1" / "work" / "mlartifacts" / second / "a.txt"
    ).exists()
    server.http.delete("sessions/active")


@pytest.mark.parametrize("uri", ["sqlite:///own.db", "file:own"])
def test_a_store_of_the_users_own_stays_theirs(server: JupyterServer, uri: str) -> None:
    code = f"""
import mlflow
mlflow.set_tracking_uri({uri!r})
mlflow.set_experiment("theirs")
with mlflow.start_run() as run:
    mlflow.log_metric("acc", 1)
print(mlflow.get_run(run.info.run_id).data.metrics)
"""
    run_id = server.submit(code, env={"MLFLOW_ALLOW_FILE_STORE": "true"})
    run = server.wait(run_id, timeout_s=120)
    assert run["outcome"] == "succeeded", server.log(run_id)
    assert "{'acc': 1.0}" in server.log(run_id)
    assert run["meta"] == {}


def test_a_server_can_name_another_tracking_server(tmp_path: Path) -> None:
    option = "--GpurunApp.mlflow=https://tracking.example/ml"
    server = JupyterServer(tmp_path / "other", options=(option,)).start()
    try:
        code = "import os; print({name for name in os.environ.items() if name[0].startswith('MLFLOW')})"
        run_id, own = server.submit(code), server.submit(code, env={"MLFLOW_TRACKING_URI": "http://mine.example"})
        for one, uri in ((run_id, "https://tracking.example/ml"), (own, "http://mine.example")):
            assert server.wait(one)["meta"] == {"mlflow": uri}
            assert server.log(one).strip() == str({("MLFLOW_TRACKING_URI", uri)})
    finally:
        server.close()


def test_one_gpurun_is_a_tracking_server_to_another(
    server: JupyterServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    there = JupyterServer(tmp_path / "there").start()
    uri = f"{there.url}gpurun/mlflow"
    try:
        code = "from gpurun_jupyter import report\nfor step in range(3): report.log(step=step, loss=1 / (step + 1))"
        run_id = server.submit(code, name="travels", project="far")
        assert server.wait(run_id)["outcome"] == "succeeded"
        with Client(server.url, TOKEN) as client:
            (exported,) = client.export_to_mlflow(uri, [client.get(run_id)])
            assert exported.is_new
            (found,) = there.http.get("runs").json()["runs"]
            assert (found["name"], found["project"], found["kind"]) == ("travels", "far", "logged")
            assert (found["outcome"], found["metrics"]["loss"]["last"]) == ("succeeded", 1 / 3)
            own = there.submit(code, name="comes back")
            assert there.wait(own)["outcome"] == "succeeded"
            imported, left_out = client.import_mlflow(uri)
            assert [run.name for run in imported] == ["comes back"]
            assert any("came from here" in sentence for sentence in left_out)
            assert imported[0].metrics()["loss"]["value"] == [1, 1 / 2, 1 / 3]
    finally:
        there.close()
