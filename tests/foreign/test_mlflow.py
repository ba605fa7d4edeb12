"""MLflow's own server and client beside gpurun: what one wrote the other reads, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import TOKEN, JupyterServer
from tracking_servers import RealTracking

from gpurun_jupyter import Client

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

FILL = """
import mlflow
from mlflow import MlflowClient

class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[str]) -> list[str]:
        return model_input

mlflow.set_experiment("digits")
with mlflow.start_run(run_name="parent") as parent:
    mlflow.log_params({"lr": 0.1, "layers": [64, 32]})
    for step, value in enumerate([1.0, 0.5, float("nan"), float("inf")]):
        mlflow.log_metric("loss", value, step=step)
    mlflow.log_text("0.1,0.2", "tables/my confusion.csv")
    mlflow.pyfunc.log_model(name="net", python_model=Echo(), registered_model_name="echo net", pip_requirements=[])
    with mlflow.start_run(run_name="child", nested=True):
        mlflow.log_metric("loss", 3.0, step=7)
client = MlflowClient()
client.set_registered_model_alias("echo net", "champion", 1)
gone = client.create_run(parent.info.experiment_id, run_name="gone")
client.delete_run(gone.info.run_id)
"""
READ = """
import json
from mlflow import MlflowClient

client = MlflowClient()
ids = [one.experiment_id for one in client.search_experiments()]
found = {}
for run in client.search_runs(ids, filter_string="tags.`gpurun.kind` = 'cell'"):
    history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    found[run.info.run_name] = {
        "experiment": client.get_experiment(run.info.experiment_id).name,
        "status": run.info.status,
        "lasts_ms": run.info.end_time - run.info.start_time,
        "params": run.data.params,
        "tags": run.data.tags,
        "points": {name: [[str(one.value), one.step] for one in points] for name, points in history.items()},
        "files": [file.path for file in client.list_artifacts(run.info.run_id)],
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTracking]:
    made = RealTracking(tmp_path_factory.mktemp("mlflow"))
    made.python(FILL)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as made:
        yield made


def test_what_mlflow_wrote_is_here(client: Client, tracking: RealTracking, tmp_path: Path) -> None:
    found, left_out = client.import_mlflow(tracking.url)
    assert left_out == ["1 run that MLflow has deleted is left out."]
    runs = {run.name: run.refresh() for run in found}
    assert runs.keys() == {"parent", "child"}
    parent, child = runs["parent"], runs["child"]
    assert child.record.spec is not None
    assert child.record.spec.parent == parent.id
    loss = parent.metrics()["loss"]
    assert loss["step"] == [0, 1, 2, 3]
    assert [str(value) for value in loss["value"]] == ["1.0", "0.5", "nan", "inf"]
    assert parent.record.meta["parameters"] == {"lr": "0.1", "layers": "[64, 32]"}
    paths = {file.path.removeprefix(f"mlartifacts/{parent.id}/") for file in parent.files()}
    assert {"tables/my confusion.csv", "net/MLmodel", "net/python_model.pkl"} <= paths
    version = client.models.get("echo-net", "champion")
    assert version.run_id == parent.id
    assert "python_model.pkl" in {file.path for file in version.files or []}
    # the same by its database: nothing is new
    assert client.import_mlflow(f"sqlite:///{tracking.folder}/mlflow.db")[0] == []
    assert client.import_mlflow(tracking.url)[0] == []


def test_what_is_here_mlflow_can_read(client: Client, tracking: RealTracking) -> None:
    code = "\n".join(
        [
            "from gpurun_jupyter import report",
            "for step in range(1500): report.log(step=step, loss=1 / (1 + step))",  # more than go in one request
            "report.log(**{'val acc': float('nan')})",
            "open('model.pt', 'w').write('weights')",
        ]
    )
    options = {"gpu": 0, "project": "from-here", "env": {"lr": "0.1"}, "tags": ["good"]}
    runs = [client.submit(code, name="good", **options).wait(), client.submit("1 / 0", name="bad", **options).wait()]
    exported = client.export_to_mlflow(tracking.url, runs, files=True)
    assert [one.is_new for one in exported] == [True, True]
    found = json.loads(tracking.python(READ).splitlines()[-1])
    good, bad = found["good"], found["bad"]
    assert (good["experiment"], good["status"], bad["status"]) == ("from-here", "FINISHED", "FAILED")
    assert good["lasts_ms"] == pytest.approx((runs[0].record.elapsed_s or 0) * 1000, abs=2)
    assert good["params"] == {"lr": "0.1"}
    assert (good["tags"]["gpurun.run_id"], good["tags"]["gpurun.tags"]) == (runs[0].id, "good")
    assert bad["tags"]["gpurun.message"] == "ZeroDivisionError: division by zero"
    measured = runs[0].metrics()["loss"]
    values, steps = [value for value, _ in good["points"]["loss"]], [step for _, step in good["points"]["loss"]]
    assert (values, steps) == ([str(value) for value in measured["value"]], measured["step"])
    assert good["points"]["val acc"] == [["nan", 0]]
    assert good["files"] == ["model.pt"]
    assert [one.is_new for one in client.export_to_mlflow(tracking.url, runs)] == [False, False]
    assert any("came from here" in sentence for sentence in client.import_mlflow(tracking.url)[1])


def test_artifacts_of_a_server_that_hands_out_none(client: Client, tmp_path: Path) -> None:
    """They lie where only it has the keys to, or, as here, where this machine finds them."""
    tracking = RealTracking(tmp_path, "--no-serve-artifacts", "--default-artifact-root", str(tmp_path / "store"))
    try:
        tracking.python(FILL.replace('"parent"', '"parent-of-files"'))
        found, _ = client.import_mlflow(tracking.url)
        (parent,) = [run for run in found if run.name == "parent-of-files"]
        assert f"mlartifacts/{parent.id}/tables/my confusion.csv" in {file.path for file in parent.files()}
        run = client.submit("open('a.txt', 'w')", gpu=0).wait()
        told: list[str] = []
        assert client.export_to_mlflow(tracking.url, [run], files=True, tell=told.append)[0].is_new
        assert "Start it with --serve-artifacts." in told[0]
    finally:
        tracking.close()
