"""In the manner of PyTorch's ImageNet example: each value with its mean in brackets; the epoch counts from 0."""

import time

import torch
from _small import loaders, network, tell

train, test = loaders(16)
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)


def line(head, number, total, meters):
    """One line: the batch within its pass, and each meter as last (mean)."""
    width = len(str(total))
    values = [f"{name} {values[-1]:{form}} ({sum(values) / len(values):{form}})" for name, form, values in meters]
    print("\t".join([f"{head}[{number:{width}d}/{total}]", *values]))


def one_pass(head, loader, learn):
    """Train or test once; the last values that were said and the mean accuracies."""
    names = ("Time", "6.3f"), ("Data", "6.3f"), ("Loss", ".4e"), ("Acc@1", "6.2f"), ("Acc@5", "6.2f")
    meters = [(name, form, []) for name, form in names]
    before = time.time()
    for number, (x, y) in enumerate(loader):
        waited = time.time() - before
        scores = model(x)
        loss = loss_of(scores, y)
        if learn:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        best = scores.topk(5).indices == y[:, None]
        accuracies = 100 * best[:, 0].float().mean().item(), 100 * best.any(1).float().mean().item()
        for (_, _, values), value in zip(meters, (time.time() - before, waited, loss.item(), *accuracies), strict=True):
            values.append(value)
        before = time.time()
        if number % 20 == 0:
            line(head, number + 1, len(loader), [meter for meter in meters if learn or meter[0] != "Data"])
            said = {
                "Loss": float(f"{loss.item():.4e}"),
                "Acc@1": round(accuracies[0], 2),
                "Acc@5": round(accuracies[1], 2),
            }
    return said, [sum(values) / len(values) for _, _, values in meters[3:]]


for epoch in range(2):
    one_pass(f"Epoch: [{epoch}]", train, True)
    with torch.no_grad():
        said, (first, fifth) = one_pass("Test: ", test, False)
    print(f" *   Acc@1 {first:.3f} Acc@5 {fifth:.3f}")
said |= {"Acc@1": round(first, 3), "Acc@5": round(fifth, 3)}
tell(
    metrics=said, epoch=1, note="Loss is of the test's last line; the value before the bracket, not the mean within it"
)
