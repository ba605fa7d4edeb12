"""MLflow's own client, as people install it, beside Jupyter: sessions that log, train, register, load and search."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from foreign.environments import programs
from servers import TOKEN, JupyterServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

START = """
import math, mlflow
from mlflow import MlflowClient
client = MlflowClient()
"""
LOGGING = """
mlflow.set_experiment("from/a script")
with mlflow.start_run(run_name="first", tags={"kind": "test"}) as run:
    mlflow.log_params({"lr": 0.1, "layers": [1, 2]})
    for step in range(5):
        mlflow.log_metrics({"loss": 1 / (1 + step), "odd": math.nan}, step=step)
    mlflow.log_text("hello", "sub/hello.txt")
    mlflow.log_dict({"a": 1}, "d.json")
    with mlflow.start_run(nested=True) as child:
        mlflow.log_metric("acc", 0.5, step=7, timestamp=1234)
run_id = run.info.run_id
found = client.get_run(run_id)
assert found.info.status == "FINISHED" and found.info.run_name == "first", found
assert found.data.params == {"lr": "0.1", "layers": "[1, 2]"}, found.data.params
assert found.data.metrics["loss"] == 0.2 and math.isnan(found.data.metrics["odd"])
assert [(one.step, one.value) for one in client.get_metric_history(run_id, "loss")][-1] == (4, 0.2)
(one,) = client.get_metric_history(child.info.run_id, "acc")
assert (one.value, one.step, one.timestamp) == (0.5, 7, 1234), one
assert [file.path for file in client.list_artifacts(run_id)] == ["d.json", "sub"]
assert mlflow.artifacts.load_text(f"runs:/{run_id}/sub/hello.txt") == "hello"
table = mlflow.search_runs(filter_string="metrics.loss < 0.5 and params.lr = '0.1' and tags.kind LIKE 't%'")
assert table["run_id"].tolist() == [run_id], table
table = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{run_id}'", order_by=["metrics.acc DESC"])
assert table["run_id"].tolist() == [child.info.run_id]
assert {one.name for one in mlflow.search_experiments()} == {"Default", "from-a script"}
mlflow.delete_run(run_id)
assert client.get_run(run_id).info.lifecycle_stage == "deleted"
client.restore_run(run_id)
with mlflow.start_run(run_id=run_id):
    mlflow.set_tag("resumed", "yes")
assert client.get_run(run_id).data.tags["resumed"] == "yes"
try:
    with mlflow.start_run() as failed:
        raise RuntimeError
except RuntimeError:
    assert client.get_run(failed.info.run_id).info.status == "FAILED"
"""
MODELS = """
import numpy as np
from sklearn.linear_model import LinearRegression
mlflow.set_experiment("models")
quick = {"pip_requirements": []}  # else it looks for a minute which packages it takes
X = np.arange(20.0).reshape(-1, 1)
mlflow.sklearn.autolog(log_datasets=True, log_models=False)
with mlflow.start_run() as run:
    model = LinearRegression().fit(X, 2 * X[:, 0])
mlflow.sklearn.autolog(disable=True)
found = client.get_run(run.info.run_id)
assert found.data.params["fit_intercept"] == "True"
assert found.data.metrics["training_r2_score"] > 0.99
assert found.inputs.dataset_inputs[0].dataset.name == "dataset"
with mlflow.start_run() as run:
    info = mlflow.sklearn.log_model(model, name="line", registered_model_name="line", params={"a": "1"}, **quick)
assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == info.model_id
client.set_registered_model_alias("line", "champion", 1)
client.set_model_version_tag("line", "1", "checked", "yes")
assert client.get_model_version_by_alias("line", "champion").tags["checked"] == "yes"
for uri in (info.model_uri, "models:/line/1", "models:/line@champion", "models:/line/latest"):
    assert mlflow.pyfunc.load_model(uri).predict(X[:2]).round(6).tolist() == [0.0, 2.0], uri
alone = mlflow.sklearn.log_model(model, name="alone", **quick)
assert str(mlflow.register_model(alone.model_uri, "line").version) == "2"
assert [one.name for one in client.search_registered_models()] == ["line"]
assert [str(one.version) for one in client.search_model_versions("name = 'line'")] == ["2", "1"]
assert {one.name for one in mlflow.search_logged_models(output_format="list")} == {"line", "alone"}
assert client.get_logged_model(info.model_id).params == {"a": "1"}
assert client.transition_model_version_stage("line", "2", "Staging").current_stage == "Staging"
client.delete_registered_model("line")
assert client.search_registered_models() == []
"""


@pytest.mark.parametrize("session", [LOGGING, MODELS], ids=["logging", "models"])
def test_an_unmodified_client(make_server: Callable[..., JupyterServer], tmp_path: Path, session: str) -> None:
    server = make_server(base_url="/user/anna/").start()
    env = {
        **server.env,
        "MLFLOW_TRACKING_URI": f"{server.url}gpurun/mlflow",
        "MLFLOW_TRACKING_TOKEN": TOKEN,
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    command = [programs("tracking") / "python", "-c", START + session]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    assert "Traceback" not in (server.folder / "server.log").read_text()
