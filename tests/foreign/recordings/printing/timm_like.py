"""In the manner of timm's train script: the epoch and the batch within it, value (mean), rates in brackets."""

import logging
import time

import torch
from _small import loaders, network, tell

logging.basicConfig(format="%(message)s", level=logging.INFO)
log = logging.getLogger("train")
train, test = loaders(16)
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
log.info("Model tiny created, param count:%d", sum(p.numel() for p in model.parameters()))
log.info("Scheduled epochs: 3. LR stepped per epoch.")
best, said = (None, None), {}
for epoch in range(3):
    optimizer.param_groups[0]["lr"] = rate = 1e-2 / (epoch + 1)
    losses, begun = [], time.time()
    for number, (x, y) in enumerate(train):
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        took, begun = time.time() - begun, time.time()
        if number % 25 == 0 or number == len(train) - 1:
            log.info(
                f"Train: {epoch} [{number:>4d}/{len(train)} ({100.0 * number / (len(train) - 1):>3.0f}%)]  "
                f"Loss: {losses[-1]:#.3g} ({sum(losses) / len(losses):#.3g})  "
                f"Time: {took:.3f}s, {16 / took:>7.2f}/s  ({took:.3f}s, {16 / took:>7.2f}/s)  "
                f"LR: {rate:.3e}  Data: {took / 9:.3f} ({took / 9:.3f})"
            )
    tested, right = [], []
    with torch.no_grad():
        for number, (x, y) in enumerate(test):
            scores = model(x)
            tested.append(loss_of(scores, y).item())
            right.append(100 * (scores.argmax(1) == y).float().mean().item())
            if number % 10 == 0 or number == len(test) - 1:
                log.info(
                    f"Test: [{number:>4d}/{len(test) - 1}]  Time: {0.001:.3f} ({0.001:.3f})  "
                    f"Loss: {tested[-1]:>7.3f} ({sum(tested) / len(tested):>6.3f})  "
                    f"Acc@1: {right[-1]:>7.3f} ({sum(right) / len(right):>7.3f})"
                )
    said = {"Loss": round(tested[-1], 3), "Acc@1": round(right[-1], 3), "LR": float(f"{rate:.3e}")}
    mean = sum(right) / len(right)
    best = max(best, (mean, epoch)) if best[0] else (mean, epoch)
    log.info("Current checkpoints:\n ('./output/train/checkpoint-%d.pth.tar', %s)\n", epoch, mean)
log.info("*** Best metric: %s (epoch %d)", *best)
tell(
    metrics=said | {"Best metric": best[0]},
    epoch=2,
    note="Loss and Acc@1 are of the test's last line, before the bracket",
)
