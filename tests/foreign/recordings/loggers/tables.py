"""Tables and states: Keras' CSVLogger, HF's trainer_state.json, ultralytics' results, pandas; and what is no log."""

import csv
import os
import shutil
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
import pandas as pd
from _tiny_bert import train
from _want import accuracy, loss, want
from sklearn.datasets import load_iris

x, y = load_iris(return_X_y=True)
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])


def fit(logger, epochs, first=0):
    """Train on; the values by name."""
    more = {"validation_split": 0.2, "callbacks": [logger], "verbose": 0, "shuffle": True}
    return model.fit(x, y, epochs=epochs, initial_epoch=first, **more).history


def points(*histories):
    """Points of each name over all histories, epochs counted from 0."""
    return {name: list(enumerate(sum((h[name] for h in histories), []))) for name in sorted(histories[0])}  # noqa: RUF017


want("keras_log.csv", points(fit(keras.callbacks.CSVLogger("keras_log.csv"), 8)), note="the step is the epoch")
first = fit(keras.callbacks.CSVLogger("keras_log_semicolon.csv", separator=";"), 4)
second = fit(keras.callbacks.CSVLogger("keras_log_semicolon.csv", separator=";", append=True), 8, 4)
want("keras_log_semicolon.csv", points(first, second), note="two fits, the second with append=True")

trainer = train("none", save_strategy="steps", save_steps=60, save_total_limit=3)
for name, step in (("hf_trainer_state_checkpoint", 60), ("hf_trainer_state", 120)):
    shutil.copy(f"out/checkpoint-{step}/trainer_state.json", f"{name}.json")
    metrics = {}
    for entry in trainer.state.log_history:
        for key, value in entry.items():
            known = entry["step"] < step + (key != "eval_loss")  # saved before it is evaluated
            if known and key in ("loss", "grad_norm", "learning_rate", "eval_loss"):
                metrics.setdefault(key, []).append([entry["step"], value])
    note = "eval_loss of a checkpoint's step, and train_loss of the whole, are logged after it was saved"
    want(f"{name}.json", metrics, note=note)
shutil.rmtree("out")

# As ultralytics 8.4 writes it: %.6g, epochs from 1, nothing quoted.
names = [f"{part}/{kind}_loss" for part in ("train", "val") for kind in ("box", "cls", "dfl")]
scores = ["precision(B)", "recall(B)", "mAP50(B)", "mAP50-95(B)"]
header = [
    "epoch",
    "time",
    *names[:3],
    *(f"metrics/{name}" for name in scores),
    *names[3:],
    "lr/pg0",
    "lr/pg1",
    "lr/pg2",
]
lines, metrics = [header], {}
for epoch in range(1, 13):
    losses = [loss(3 * epoch) * part for part in (1, 2, 0.7)]
    found = [accuracy(3 * epoch) * part for part in (0.9, 0.8, 0.85, 0.6)]
    values = [*losses, *found, *(1.1 * value for value in losses), *3 * [0.01 / epoch]]
    cells = [f"{value:.6g}" for value in [epoch, 3.21 * epoch, *values]]
    lines.append(cells)
    for name, cell in zip(header[2:], cells[2:], strict=True):
        metrics.setdefault(name, []).append([epoch, float(cell)])
Path("ultralytics").mkdir()
Path("ultralytics/results.csv").write_text("".join(",".join(line) + "\n" for line in lines))
settings = {"task": "detect", "mode": "train", "model": "yolo11n.pt", "data": "coco8.yaml", "epochs": 12, "time": None}
settings |= {"patience": 100, "batch": 16, "imgsz": 640, "save": True, "device": "0", "workers": 8, "optimizer": "auto"}
settings |= {
    "seed": 0,
    "close_mosaic": 10,
    "resume": False,
    "amp": True,
    "freeze": None,
    "lr0": 0.01,
    "momentum": 0.937,
}
settings |= {"name": "train", "save_dir": "/home/anna/project/runs/detect/train"}
spelled = {None: "null", True: "true", False: "false"}
text = "".join(
    f"{k}: {spelled[v] if v is None or isinstance(v, bool) else repr(v) if v == '0' else v}\n"
    for k, v in settings.items()
)
Path("ultralytics/args.yaml").write_text(text)
want("ultralytics", metrics, settings, "written by hand; the step is the epoch; time is no metric")

frame = pd.DataFrame({"step": range(0, 500, 25), "epoch": np.arange(20) // 5})
frame["train_loss"] = [loss(step / 10) for step in frame.step]
frame["val_loss"] = [loss(step / 10) + 0.1 if step % 125 == 100 else None for step in frame.step]
frame.to_csv("pandas_steps.csv")
metrics = {
    name: [[int(s), v] for s, v in zip(frame.step, frame[name], strict=True) if v == v]
    for name in ("train_loss", "val_loss")
}
want("pandas_steps.csv", metrics, note="the first column is pandas' index, without a name")
frame[["epoch", "train_loss"]].iloc[4::5].to_csv("pandas_epochs.tsv", sep="\t", index=False)
want("pandas_epochs.tsv", {"train_loss": [[int(e), v] for e, v in frame[["epoch", "train_loss"]].iloc[4::5].values]})

load_iris(as_frame=True).frame.sample(30, random_state=0).to_csv("no_log_dataset.csv", index=False)
want("no_log_dataset.csv", {}, note="flowers")
with Path("no_log_measurements.csv").open("w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["time", "temperature_c", "humidity_percent", "sensor"])
    writer.writerows(
        [f"2026-11-28T{hour:02}:00:00", round(18 + loss(hour), 1), round(40 + 9 * accuracy(hour)), "roof"]
        for hour in range(24)
    )
want("no_log_measurements.csv", {}, note="a sensor")
