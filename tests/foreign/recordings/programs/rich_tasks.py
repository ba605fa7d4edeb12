"""rich.progress: epochs and batches as two tasks of one display, a line logged above it after each epoch."""

from __future__ import annotations

import torch
from _data import network, points, tell_truth, work
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EPOCHS = 5
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 0.01)
train = torch.utils.data.DataLoader(points(960), batch_size=32)
columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
with Progress(*columns, TextColumn("{task.fields[note]}")) as progress:
    epochs = progress.add_task("epochs", total=EPOCHS, note="")
    for epoch in range(EPOCHS):
        batches = progress.add_task("train", total=len(train), note="")
        for x, y in train:
            loss = loss_of(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            work(0.06)
            progress.update(batches, advance=1, note=f"loss={loss.item():.4f}")
        progress.refresh()
        progress.console.print(f"epoch {epoch} has loss {loss.item():.4f}")
        progress.remove_task(batches)
        progress.update(epochs, advance=1)
tell_truth(library="rich", epochs=EPOCHS, steps=30, metrics={"loss": round(loss.item(), 4)})
