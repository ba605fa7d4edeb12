"""rich.progress.track over the steps, with its usual columns."""

from __future__ import annotations

import torch
from _data import network, points, tell_truth, work
from rich.progress import track

model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 0.01)
batches = list(torch.utils.data.DataLoader(points(3200), batch_size=32))
for x, y in track(batches, "training"):
    loss = loss_of(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    work(0.08)
tell_truth(library="rich", epochs=1, steps=100, metrics={})
