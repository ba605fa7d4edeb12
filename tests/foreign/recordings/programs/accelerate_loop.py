"""accelerate: one bar over all steps, prints of the main process in between."""

from __future__ import annotations

import torch
from _data import network, points, tell_truth, work
from accelerate import Accelerator
from tqdm.auto import tqdm

EPOCHS = 4
accelerator = Accelerator(cpu=True)
model, loss_of = network(), torch.nn.CrossEntropyLoss()
train = torch.utils.data.DataLoader(points(960), batch_size=32, shuffle=True)
model, optimizer, train = accelerator.prepare(model, torch.optim.Adam(model.parameters(), 0.01), train)
bar = tqdm(range(EPOCHS * len(train)), disable=not accelerator.is_local_main_process)
for epoch in range(EPOCHS):
    for x, y in train:
        loss = loss_of(model(x), y)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        work(0.06)
        bar.update(1)
        bar.set_postfix(loss=f"{loss.item():.4f}")
    accelerator.print(f"after epoch {epoch}: {{'loss': {loss.item():.4f}}}")
    accelerator.print({"epoch": epoch, "train_loss": round(loss.item(), 4)})
metrics = {"loss": round(loss.item(), 4), "train_loss": round(loss.item(), 4)}
tell_truth(library="accelerate", epochs=EPOCHS, steps=30, metrics=metrics)
