"""trackio with TRACKIO_STORAGE_MODE=jsonl: the fragments in its inbox, of two runs."""

import os
import shutil
from pathlib import Path

os.environ |= {"TRACKIO_STORAGE_MODE": "jsonl", "TRACKIO_DIR": str(Path.cwd() / "trackio_jsonl"), "HF_HUB_OFFLINE": "1"}
import trackio
from _want import accuracy, loss, want

metrics = {}
for name, lr in (("first", 0.1), ("second", 0.01)):
    trackio.init(
        project="digits", name=name, config={"lr": lr, "model": {"layers": 2}}, auto_log_gpu=False, auto_log_cpu=False
    )
    for step in range(20):
        row = {"loss": loss(step) + lr, "val": {"accuracy": accuracy(step)}}
        trackio.log(row, step=step * 10)
        metrics.setdefault(f"{name}/loss", []).append([step * 10, row["loss"]])
        metrics.setdefault(f"{name}/val/accuracy", []).append([step * 10, row["val"]["accuracy"]])
    trackio.finish()
for other in Path("trackio_jsonl").iterdir():
    if other.name != "inbox":
        shutil.rmtree(other) if other.is_dir() else other.unlink()
note = "names of runs before those of metrics; both runs have model/layers 2"
want("trackio_jsonl", metrics, {"first/lr": 0.1, "second/lr": 0.01, "model/layers": 2}, note)
