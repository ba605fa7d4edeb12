"""In the manner of Detectron2's log: coloured prefix, values beside each other, an eta of the whole run."""

import datetime as dt
import logging
import time

import torch
from _small import loaders, network, tell

MAX_ITER, EVERY = 300, 20
PREFIX = "\x1b[32m[%(asctime)s d2.utils.events]: \x1b[0m%(message)s"
logging.basicConfig(format=PREFIX, datefmt="%m/%d %H:%M:%S", level=logging.INFO)
train, _ = loaders(16)
model, regression = network(), torch.nn.Linear(64, 1)
optimizer = torch.optim.SGD([*model.parameters(), *regression.parameters()], 0.02, momentum=0.9)
logging.info("Starting training from iteration 0")
batches = iter(())
for iteration in range(200):
    rate = 0.02 * min(1, (iteration + 1) / 100)
    optimizer.param_groups[0]["lr"] = rate
    try:
        x, y = next(batches)
    except StopIteration:
        batches = iter(train)
        x, y = next(batches)
    loss_cls = torch.nn.functional.cross_entropy(model(x), y)
    loss_box = torch.nn.functional.smooth_l1_loss(regression(x)[:, 0], y / 9)
    optimizer.zero_grad()
    (loss_cls + loss_box).backward()
    optimizer.step()
    time.sleep(0.002)
    if iteration % EVERY == EVERY - 1:
        left = int((MAX_ITER - iteration) * 0.2213)
        losses = {"total_loss": loss_cls + loss_box, "loss_cls": loss_cls, "loss_box_reg": loss_box}
        said = {name: float(f"{loss.item():.4g}") for name, loss in losses.items()} | {"lr": float(f"{rate:.5g}")}
        values = "  ".join(f"{name}: {loss.item():.4g}" for name, loss in losses.items())
        logging.info(
            f" eta: {dt.timedelta(seconds=left)}  iter: {iteration}  {values}    time: 0.2213  last_time: 0.2176  "
            f"data_time: 0.0041  last_data_time: 0.0032   lr: {rate:.5g}  max_mem: 2345M"
        )
tell(metrics=said, step=iteration, left_s=left)
