"""MLflow: the same two runs, a nested one and a registered model in a store of files and in SQLite."""

import os
import sqlite3
import tarfile
from pathlib import Path

os.environ |= {"MLFLOW_ALLOW_FILE_STORE": "true", "GIT_PYTHON_REFRESH": "quiet"}
import mlflow
from _want import accuracy, loss, want
from mlflow import MlflowClient

PROJECT = "/home/anna/project"


def fill(uri: str, artifacts: str | None) -> dict:
    """Log the runs; metrics and parameters by run."""
    mlflow.set_tracking_uri(uri)
    mlflow.create_experiment("digits", artifact_location=artifacts, tags={"team": "vision"})
    mlflow.set_experiment("digits")
    said = {}
    for name, lr in (("first", 0.1), ("second", 0.01)):
        with mlflow.start_run(run_name=name, tags={"kind": "baseline"}, description=f"with lr {lr}") as run:
            said[name] = one_run(lr)
            if name == "second":
                with mlflow.start_run(run_name="inner", nested=True):
                    mlflow.log_param("fold", 1)
                    mlflow.log_metric("loss", 0.5, step=3)
                    said["inner"] = {"metrics": {"loss": [[3, 0.5]]}, "params": {"fold": "1"}}
    client = MlflowClient()
    client.create_registered_model("digits-net", tags={"team": "vision"}, description="reads digits")
    version = client.create_model_version("digits-net", f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
    client.set_registered_model_alias("digits-net", "champion", version.version)
    client.set_model_version_tag("digits-net", version.version, "checked", "yes")
    return said


def one_run(lr: float) -> dict:
    """What one run logs."""
    params = {"lr": lr, "optimizer": "adam", "layers": [64, 32]}
    mlflow.log_params(params)
    mlflow.set_tag("note", "first try: not tuned")
    points = {"loss": [], "val/accuracy": []}
    for step in range(20):
        points["loss"].append([step, loss(step) + lr])
        mlflow.log_metric("loss", loss(step) + lr, step=step)
        if step % 5 == 4:
            points["val/accuracy"].append([step, accuracy(step)])
            mlflow.log_metrics({"val/accuracy": accuracy(step)}, step=step)
    mlflow.log_text("0.1,0.2\n", "tables/confusion.csv")
    mlflow.log_dict({"inner": "torch"}, "model/MLmodel")
    return {"metrics": points, "params": {name: str(value) for name, value in params.items()}}


def hide_paths_in_files(folder: Path) -> None:
    """The project's folder as its user would have it."""
    for path in [*folder.rglob("*.yaml"), *folder.rglob("mlflow.source.name")]:
        path.write_text(path.read_text().replace(str(Path.cwd()), PROJECT).replace("user_id: root", "user_id: anna"))
    for path in folder.rglob("mlflow.user"):
        path.write_text("anna")


def hide_paths_in_database(path: Path) -> None:
    """The same in every column of text."""
    with sqlite3.connect(path) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, kind, *_ in database.execute(f'PRAGMA table_info("{table}")').fetchall():
                if "CHAR" in kind or "TEXT" in kind:
                    database.execute(
                        f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) WHERE instr("{column}", ?)',
                        (str(Path.cwd()), PROJECT, str(Path.cwd())),
                    )
        database.execute("UPDATE runs SET user_id = 'anna'")
        database.execute("UPDATE tags SET value = 'anna' WHERE key = 'mlflow.user'")
    database.execute("VACUUM")
    database.close()


def pack(name: str, *paths: str) -> None:
    """The paths in NAME.tar.xz, of no user."""
    with tarfile.open(f"{name}.tar.xz", "w:xz", preset=9) as archive:
        for path in paths:
            archive.add(
                path, filter=lambda member: member.replace(uid=0, gid=0, uname="anna", gname="anna", deep=False)
            )


for name, uri, artifacts, paths in (
    ("mlflow_files", f"file:{Path.cwd() / 'mlruns'}", None, ("mlruns",)),
    ("mlflow_sqlite", "sqlite:///mlflow.db", str(Path.cwd() / "mlartifacts" / "1"), ("mlflow.db", "mlartifacts")),
):
    said = fill(uri, artifacts)
    if name == "mlflow_files":
        hide_paths_in_files(Path("mlruns"))
    else:
        hide_paths_in_database(Path("mlflow.db"))
    pack(name, *paths)
    metrics = {f"{run}/{key}": value for run, of in said.items() for key, value in of["metrics"].items()}
    params = {f"{run}/{key}": value for run, of in said.items() for key, value in of["params"].items()}
    note = "names of runs before; inner is nested in second; digits-net version 1, alias champion, is of second"
    want(name, metrics, params, note)
