"""Weights & Biases without a network: a whole run, and how much of one can be seen while it goes on."""

import json
import os
import shutil
import time
from pathlib import Path

import wandb
from _want import accuracy, loss, want

settings = wandb.Settings(
    mode="offline", x_disable_meta=True, x_disable_stats=True, disable_git=True, console="off", host="anna", silent=True
)
config = {"lr": 0.1, "epochs": 6, "optimizer": "adam", "model": {"name": "mlp", "layers": [64, 32]}}
run = wandb.init(
    project="digits", name="first", notes="a first try", tags=["baseline"], config=config, settings=settings
)
metrics = {}
for step in range(60):
    row = (
        {"eval": {"top": {"accuracy": accuracy(step)}, "loss": loss(step) + 0.1}}
        if step % 6 == 5
        else {"loss": loss(step)}
    )
    run.log(row | {"note": "text is no metric"} if step == 7 else row)
    for name, value in {
        "loss": row.get("loss"),
        "eval.top.accuracy": accuracy(step),
        "eval.loss": loss(step) + 0.1,
    }.items():
        if (name == "loss") == ("loss" in row):
            metrics.setdefault(name, []).append([step, value])
run.log({"image": wandb.Histogram([1, 2, 2, 3])})
run.summary["best_accuracy"] = accuracy(59)
run.summary["verdict"] = {"final": {"loss": loss(58)}}
run.finish()
params = {name: value for name, value in config.items() if name != "model"}
params |= {"model.name": "mlp", "model.layers": [64, 32]}
file = next(Path("wandb").glob("offline-run-*/run-*.wandb"))
Path("wandb_offline").mkdir()
shutil.copy(file, "wandb_offline/run-first.wandb")
note = "60 rows of numbers and one with a histogram; summary: best_accuracy and verdict.final.loss"
want("wandb_offline", metrics, params, note)


# How much is seen while a run goes on, asked for by hand since it takes a minute; a key is in the summary too.
if "MEASURE" in os.environ:
    seen = {}
    for count in (10, 100, 300, 1000):
        run = wandb.init(project="seen", reinit="create_new", settings=settings)
        for step in range(count):
            run.log({f"seen_{count}": loss(step)})
        path = next(Path("wandb").glob(f"offline-run-*-{run.id}/run-{run.id}.wandb"))
        for seconds in (1, 5, 10):
            time.sleep(seconds)
            seen[f"{count} rows, after {seconds} s more"] = path.read_bytes().count(f"seen_{count}".encode()) // 2
        run.finish()
        seen[f"{count} rows, finished"] = path.read_bytes().count(f"seen_{count}".encode()) // 2
    Path(os.environ["MEASURE"]).write_text(json.dumps(seen, indent=1))
