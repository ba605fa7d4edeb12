"""In the manner of torchvision's reference trainings: an eta for the epoch, value (mean), the most memory."""

import datetime as dt
import time

import torch
from _small import loaders, network, tell

train, test = loaders(16)
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)


def logged(loader, head, every):
    """The batches, a line every few; whoever takes them adds to `meters`."""
    begun, width, took = time.time(), len(str(len(loader))), []
    for number, batch in enumerate(loader):
        data, before = time.time() - begun, time.time()
        yield batch
        took.append(time.time() - before + data + 0.3)
        if number % every == 0 or number == len(loader) - 1:
            left = int(sum(took) / len(took) * (len(loader) - number))
            values = [f"{name}: {v[-1]:.4f} ({sum(v) / len(v):.4f})" for name, v in meters.items()]
            eta = dt.timedelta(seconds=left)
            last = f"time: {took[-1]:.4f}  data: {data:.4f}  max mem: 345"
            print("  ".join([head, f"[{number:{width}d}/{len(loader)}]", f"eta: {eta}", *values, last]))
        begun = time.time()
    print(f"{head} Total time: {dt.timedelta(seconds=int(sum(took)))}")


for epoch in range(2):
    meters = {name: [] for name in ("lr", "img/s", "loss", "acc1", "acc5")}
    for x, y in logged(train, f"Epoch: [{epoch}]", 10):
        loss = loss_of(scores := model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        best = scores.topk(5).indices == y[:, None]
        found = (
            0.1,
            16 / 0.3,
            loss.item(),
            100 * best[:, 0].float().mean().item(),
            100 * best.any(1).float().mean().item(),
        )
        for name, value in zip(meters, found, strict=True):
            meters[name].append(value)
    last = {name: round(values[-1], 4) for name, values in meters.items() if name != "img/s"}
    meters = {name: [] for name in ("loss", "acc1", "acc5")}
    with torch.no_grad():
        for x, y in logged(test, "Test: ", 10):
            best = (scores := model(x)).topk(5).indices == y[:, None]
            found = (
                loss_of(scores, y).item(),
                100 * best[:, 0].float().mean().item(),
                100 * best.any(1).float().mean().item(),
            )
            for name, value in zip(meters, found, strict=True):
                meters[name].append(value)
    means = {name: sum(values) / len(values) for name, values in meters.items()}
    print(f"Test:  Acc@1 {means['acc1']:.3f} Acc@5 {means['acc5']:.3f}")
last |= {name: round(values[-1], 4) for name, values in meters.items()}
last |= {"Acc@1": round(means["acc1"], 3), "Acc@5": round(means["acc5"], 3)}
tell(
    metrics=last,
    epoch=1,
    note="loss, acc1 and acc5 are of the test's last line, lr of the training's; each eta is for one pass only",
)
