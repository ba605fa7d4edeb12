"""A character model in the manner of nanoGPT: evaluation every 50 iterations, a line every 10."""

import math
import time

import torch
from _small import tell

MAX_ITERS, EVAL_INTERVAL, BLOCK, WARMUP = 200, 50, 16, 20
text = "the quick brown fox jumps over the lazy dog. " * 200
letters = sorted(set(text))
data = torch.tensor([letters.index(letter) for letter in text])
parts = {"train": data[: int(0.9 * len(data))], "val": data[int(0.9 * len(data)) :]}
torch.manual_seed(1337)


class Model(torch.nn.Module):
    """An embedding, a recurrent layer and a head."""

    def __init__(self, width: int = 48):
        super().__init__()
        self.embed = torch.nn.Embedding(len(letters), width)
        self.inner = torch.nn.GRU(width, width, batch_first=True)
        self.head = torch.nn.Linear(width, len(letters))

    def forward(self, x, y):
        scores = self.head(self.inner(self.embed(x))[0])
        return torch.nn.functional.cross_entropy(scores.flatten(0, 1), y.flatten())


def batch(part):
    """Twelve pieces of text, each with its continuation."""
    starts = torch.randint(len(parts[part]) - BLOCK - 1, (12,))
    return [torch.stack([parts[part][s + more : s + more + BLOCK] for s in starts]) for more in (0, 1)]


@torch.no_grad()
def estimate():
    """Mean losses of both parts."""
    return {part: torch.stack([model(*batch(part)) for _ in range(5)]).mean().item() for part in parts}


model = Model()
count = sum(parameter.numel() for parameter in model.parameters())
print(f"tokens per iteration will be: {12 * BLOCK:,}")
print("Initializing a new model from scratch")
print(f"number of parameters: {count / 1e6:.2f}M")
optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
begun = time.time()
for iteration in range(MAX_ITERS + 1):
    rate = 3e-3 * min(1, (iteration + 1) / WARMUP) * (0.55 + 0.45 * math.cos(math.pi * iteration / MAX_ITERS))
    optimizer.param_groups[0]["lr"] = rate
    if iteration % EVAL_INTERVAL == 0:
        losses = estimate()
        print(f"step {iteration}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
        if iteration:
            print("saving checkpoint to out-fox-char")
    loss = model(*batch("train"))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    now = time.time()
    took, begun = now - begun, now
    if iteration % 10 == 0:
        used = 6 * count * 12 * BLOCK / took / 312e12 if iteration else -1
        print(f"iter {iteration}: loss {loss.item():.4f}, time {took * 1000:.2f}ms, mfu {used * 100:.2f}%")
tell(
    metrics={
        "loss": round(loss.item(), 4),
        "train loss": round(losses["train"], 4),
        "val loss": round(losses["val"], 4),
    },
    step=MAX_ITERS,
)
