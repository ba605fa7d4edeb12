"""ultralytics: YOLO trained on squares that this script draws."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from _data import tell_truth, work

# torchvision's compiled operators do not load with every build of torch: it is told of them, and needs one.
registrations = Path(find_spec("torchvision").origin).with_name("_meta_registrations.py")
for name in re.findall(r"torchvision::(\w+)", registrations.read_text()):
    torch.library.define(f"torchvision::{name}", "(Tensor[] x) -> Tensor")
import torchvision  # noqa: E402


def nms(boxes: torch.Tensor, scores: torch.Tensor, limit: float) -> torch.Tensor:
    """Non-maximum suppression in a few lines of torch."""
    order, kept = scores.argsort(descending=True), []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[torchvision.ops.box_iou(boxes[best : best + 1], boxes[order])[0] <= limit]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.long)


torchvision.ops.nms = nms
from ultralytics import YOLO  # noqa: E402

EPOCHS, SIZE = 9, 64


def draw(part: str, count: int) -> None:
    """Images of one white square each, and their labels."""
    random = np.random.default_rng(count)
    for kind in ("images", "labels"):
        Path("data", kind, part).mkdir(parents=True)
    for number in range(count):
        x, y, side = *random.integers(0, SIZE - 24, 2), random.integers(12, 24)
        image = random.integers(0, 80, (SIZE, SIZE, 3), dtype=np.uint8)
        image[y : y + side, x : x + side] = 255
        cv2.imwrite(f"data/images/{part}/{number}.png", image)
        box = np.array([x + side / 2, y + side / 2, side, side]) / SIZE
        Path(f"data/labels/{part}/{number}.txt").write_text("0 " + " ".join(f"{value:.4f}" for value in box))


draw("train", 128)
draw("val", 16)
where = f"path: {Path('data').absolute()}\ntrain: images/train\nval: images/val\nnames: [square]\n"
Path("data.yaml").write_text(where)
model = YOLO("yolov8n.yaml")
model.add_callback("on_train_batch_end", lambda _: work(0.05))
result = model.train(
    data="data.yaml",
    epochs=EPOCHS,
    imgsz=SIZE,
    batch=8,
    workers=0,
    amp=False,
    plots=False,
    device="cpu",
    save=False,
    optimizer="AdamW",
    lr0=0.003,
    warmup_epochs=0.5,
    mosaic=0.0,
)
losses = {name: float(value) for name, value in model.trainer.tloss.items()}
metrics = {name: round(value, 4) for name, value in {**losses, **model.trainer.metrics}.items()}
tell_truth(library="ultralytics", epochs=EPOCHS, steps=16, metrics=metrics)
