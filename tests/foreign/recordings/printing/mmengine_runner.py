"""MMEngine: its runner's log, with the validation."""

import json
from pathlib import Path

import torch
from _small import loaders, network, tell
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner


class Digits(BaseModel):
    """Learns digits."""

    def __init__(self):
        super().__init__()
        self.inner = network()

    def forward(self, x, y, mode):
        scores = self.inner(x)
        return {"loss": torch.nn.functional.cross_entropy(scores, y)} if mode == "loss" else (scores, y)


class Accuracy(BaseMetric):
    """The part that is right."""

    def process(self, data_batch, data_samples):
        scores, y = data_samples
        self.results.append({"size": len(y), "correct": int((scores.argmax(1) == y).sum())})

    def compute_metrics(self, results):
        return {"accuracy": 100 * sum(r["correct"] for r in results) / sum(r["size"] for r in results)}


train, test = loaders()
runner = Runner(
    model=Digits(),
    work_dir="work",
    train_dataloader=train,
    train_cfg={"by_epoch": True, "max_epochs": 3, "val_interval": 1},
    optim_wrapper={"optimizer": {"type": "Adam", "lr": 0.01}},
    val_dataloader=test,
    val_cfg={},
    val_evaluator={"type": Accuracy},
    default_hooks={"logger": {"type": "LoggerHook", "interval": 10}, "checkpoint": None},
    env_cfg={"mp_cfg": {"mp_start_method": "fork", "opencv_num_threads": 1}},
)
runner.train()
kept = {}
for line in next(Path("work").glob("*/vis_data/scalars.json")).read_text().splitlines():
    kept |= json.loads(line)
tell(metrics={name: round(kept[name], 4) for name in ("lr", "loss", "accuracy")}, epoch=3, left_s=0)
