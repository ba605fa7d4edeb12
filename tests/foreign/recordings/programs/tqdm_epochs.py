"""The usual loop: a printed line `Epoch 2/4`, an unnamed bar over the batches, a printed result."""

from __future__ import annotations

import torch
from _data import network, points, tell_truth, work
from tqdm import tqdm

EPOCHS = 4
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 0.01)
train = torch.utils.data.DataLoader(points(1280), batch_size=32)
for epoch in range(EPOCHS):
    print(f"Epoch {epoch + 1}/{EPOCHS}")
    bar = tqdm(train)
    for x, y in bar:
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        work(0.04)
        bar.set_postfix(loss=loss.item())
    print(f"last loss {loss.item():.4f}")
tell_truth(library="tqdm", epochs=EPOCHS, steps=40, metrics={"loss": float(f"{loss.item():.3g}")})
