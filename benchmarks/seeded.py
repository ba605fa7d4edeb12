"""A database of experiments: 100,000 runs with metrics and parameters that differ, to be looked for and sorted.

`python benchmarks/seeded.py FOLDER [COUNT]` makes a state directory of it: start a server with GPURUN_HOME=FOLDER.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import filled

from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.runs import MetricSummary, RunSpec
from gpurun_jupyter.core.shipped import ShippedDir
from gpurun_server.store.database import Database
from gpurun_server.store.queries import encode

MODELS = ("cnn", "svm", "mlp", "resnet", "vit", "bert")
RATES = (0.1, 0.03, 0.01, 0.003, 0.001)
FAILURES = (
    ("cuda_oom", "CUDA out of memory, peak 39.6 of 40 GB"),
    ("exit_code", "ValueError: the labels have 11 classes, the head has 10"),
    ("timeout", "It took longer than 2 hours."),
)
_LENGTH_S = 900.0


def database_in(folder: Path, count: int = filled.FINISHED) -> tuple[Home, Database]:
    """A state directory whose database holds so many experiments of one person, who may see them all."""
    home, database = filled.database_in(folder, 0)
    chance = random.Random(7)
    filled.add(database, "finished", count, owners=1, vary=lambda row: _experiment(row, chance))
    return home, database


def _experiment(row: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    number = row["revision"]
    model, rate = chance.choice(MODELS), chance.choice(RATES)
    arguments = ["--lr", str(rate), "--model", model, "--epochs", str(chance.choice((10, 20, 50))), f"--seed={number}"]
    if chance.random() < 0.3:
        arguments.append("--amp")
    spec = RunSpec(dir=ShippedDir("0" * 64, "train.py", arguments), env={"DATA": f"/data/digits-{number % 10}"})
    begun = row["created_at"] - 86_400 * 90 * chance.random()
    times = {"created_at": begun, "queued_at": begun, "started_at": begun + 2}
    named = {"name": f"digits-{model}-{number}", "kind": "dir", "spec_json": encode(spec), "message": ""}
    tags = encode([tag for tag in ("baseline", "paper", "ablation") if chance.random() < 0.2])
    metrics = {name: _metric(chance) for name in ("acc", "loss", "val_acc", "val_loss")}
    ended = {"finished_at": begun + 2 + _LENGTH_S * chance.random(), "metrics_json": encode(metrics), "tags_json": tags}
    return row | times | named | ended | (_failure(chance) if chance.random() < 0.08 else {})


def _failure(chance: random.Random) -> dict[str, str]:
    reason, message = chance.choice(FAILURES)
    return {"outcome": "failed", "reason": reason, "message": message}


def _metric(chance: random.Random) -> MetricSummary:
    low, last, high = sorted(round(chance.random(), 4) for _ in range(3))
    return MetricSummary(last, low, high, 1000.0)


if __name__ == "__main__":
    database_in(Path(sys.argv[1]), int((sys.argv[2:] or [filled.FINISHED])[0]))[1].close()
