"""In the manner of PyTorch's MNIST example; ends in the middle of what a reader would call the third epoch."""

import torch
from _small import loaders, network, tell

train, test = loaders(32)
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adadelta(model.parameters(), 1.0)
for epoch in (1, 2, 3):
    for number, (x, y) in enumerate(train):
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        if number % 10 == 0:
            seen = number * len(x), len(train.dataset), 100.0 * number / len(train)
            print("Train Epoch: {} [{}/{} ({:.0f}%)]\tLoss: {:.6f}".format(epoch, *seen, loss.item()))
            said = round(loss.item(), 6)
        if epoch == 3 and number == 20:
            break
    else:
        with torch.no_grad():
            total = sum(loss_of(model(x), y).item() * len(x) for x, y in test) / len(test.dataset)
            right = sum(int((model(x).argmax(1) == y).sum()) for x, y in test)
        percent = 100.0 * right / len(test.dataset)
        print(f"\nTest set: Average loss: {total:.4f}, Accuracy: {right}/{len(test.dataset)} ({percent:.0f}%)\n")
tell(
    metrics={"Loss": said, "Average loss": round(total, 4), "Accuracy": round(percent)},
    epoch=3,
    note="how many epochs there will be is not said; Accuracy is 98 of (98%), or the fraction before it",
)
