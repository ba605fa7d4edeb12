"""A script that does with MLflow what scripts do, unchanged: nothing in it knows of gpurun but what it expects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

#: It checks what it reads back itself, and prints the ids of its runs.
SCRIPT = """
import json, math, os, subprocess, sys, time
import mlflow
from mlflow import MlflowClient

mlflow.set_experiment("what I call it")
with mlflow.start_run(run_name="mine") as run:
    itself = run.info.run_id
    assert itself == os.environ["GPURUN_RUN_ID"]
    mlflow.log_param("lr", 0.1)
    mlflow.log_params({"layers": 2, "name": "a b"})
    for step in range(5):
        mlflow.log_metric("acc", step / 4, step=step)
        time.sleep(PAUSE)
    mlflow.log_metrics({"loss": math.nan, "f1": 0.5}, step=4)
    mlflow.set_tag("stage", "draft")
    mlflow.set_tags({"kind": "digits", "gone": "soon"})
    mlflow.delete_tag("gone")
    with open("note.txt", "w") as file:
        file.write("a note")
    os.makedirs("many/below", exist_ok=True)
    for name in ("many/1", "many/below/2"):
        with open(name, "w") as file:
            file.write(name)
    mlflow.log_artifact("note.txt", "notes")
    mlflow.log_artifacts("many", "many")
    mlflow.log_dict({"a": 1}, "a.json")
    mlflow.log_text("text", "texts/a.txt")
    children = []
    for number in range(2):
        with mlflow.start_run(nested=True, run_name=f"trial {number}") as child:
            mlflow.log_param("number", number)
            mlflow.log_metric("score", number + 0.5)
            children.append(child.info.run_id)
    # another process of the run
    code = f"import mlflow; mlflow.MlflowClient().log_metric({itself!r}, 'elsewhere', 7)"
    subprocess.run([sys.executable, "-c", code], check=True)

client = MlflowClient()
read = client.get_run(itself)
assert read.data.params == {"lr": "0.1", "layers": "2", "name": "a b"}, read.data.params
assert read.data.metrics["acc"] == 1 and math.isnan(read.data.metrics["loss"]) and read.data.metrics["elsewhere"] == 7
assert read.data.tags["kind"] == "digits" and "gone" not in read.data.tags
assert [(one.step, one.value) for one in client.get_metric_history(itself, "acc")] == [(n, n / 4) for n in range(5)]
assert [one.path for one in client.list_artifacts(itself)] == ["a.json", "many", "notes", "texts"]
assert [one.path for one in client.list_artifacts(itself, "many")] == ["many/1", "many/below"]
with open(client.download_artifacts(itself, "notes/note.txt")) as file:
    assert file.read() == "a note"
try:
    client.log_param(itself, "lr", 0.2)
except Exception as error:
    assert "'0.1' already" in str(error), error
else:
    raise AssertionError("a parameter was changed")

# in an order of its own: a run without a `with`, one that goes on
mlflow.log_metric("alone", 1)
later = mlflow.active_run().info.run_id
mlflow.end_run()
with mlflow.start_run(run_id=later):
    mlflow.log_metric("alone", 2)

def double(model_input: list[int]) -> list[int]:
    return [2 * one for one in model_input]

with mlflow.start_run(run_name="with a model") as run:
    info = mlflow.pyfunc.log_model(
        name="model", python_model=double, pip_requirements=[], registered_model_name=MODEL
    )
version = info.registered_model_version
assert mlflow.pyfunc.load_model(info.model_uri).predict([1, 2]) == [2, 4]
client.set_registered_model_alias(MODEL, "release", version)
assert mlflow.pyfunc.load_model(f"models:/{MODEL}@release").predict([3]) == [6]
trial = f"params.number = '1' and tags.mlflow.parentRunId = '{itself}'"
found = mlflow.search_runs(search_all_experiments=True, filter_string=trial, output_format="list")
assert [one.info.run_id for one in found] == [children[1]], found
print("SAID", json.dumps({"itself": itself, "children": children, "later": later, "version": version}))
"""


def script(model: str, *, pause_s: float = 0.0) -> str:
    """The script, with the name of the model that it registers."""
    return SCRIPT.replace("MODEL", repr(model)).replace("PAUSE", str(pause_s))


def said_in(log: str) -> dict[str, Any]:
    """What it printed at its end."""
    line = next((line for line in log.splitlines() if line.startswith("SAID ")), None)
    assert line is not None, log
    return dict(json.loads(line.removeprefix("SAID ")))


def in_a_notebook(url: str, token: str, code: str) -> Any:
    """What code says in `said`, in a process whose MLflow asks the server: as in a notebook after `%gpurun mlflow`."""
    env = {**os.environ, "MLFLOW_TRACKING_URI": f"{url}gpurun/mlflow", "MLFLOW_TRACKING_TOKEN": token}
    whole = f"import json, mlflow\n{textwrap.dedent(code)}\nprint(json.dumps(said))"
    done = subprocess.run([sys.executable, "-c", whole], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
