"""tqdm: a bar over epochs, in each a bar for training and one for validation that are wiped at their end."""

from __future__ import annotations

import torch
from _data import network, points, tell_truth, work
from tqdm import tqdm

EPOCHS = 5
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 0.01)
train = torch.utils.data.DataLoader(points(960), batch_size=32)
valid = torch.utils.data.DataLoader(points(320, 1), batch_size=32)
outer = tqdm(range(EPOCHS), desc="epochs")
for _ in outer:
    inner = tqdm(train, desc="train", leave=False)
    for x, y in inner:
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        work()
        inner.set_postfix(loss=f"{loss.item():.4f}")
    right = 0
    for x, y in tqdm(valid, desc="valid", leave=False):
        right += (model(x).argmax(1) == y).sum().item()
        work(0.02)
    accuracy = right / 320
    outer.set_postfix(val_acc=f"{accuracy:.4f}")
tell_truth(
    library="tqdm", epochs=EPOCHS, steps=30, metrics={"loss": round(loss.item(), 4), "val_acc": round(accuracy, 4)}
)
