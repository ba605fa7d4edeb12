"""In the manner of DeepSpeed's engine: step, skipped, lr and mom as lists; rank and place before each line."""

import logging

import torch
from _small import loaders, network, tell

logging.basicConfig(
    format="[%(asctime)s] [%(levelname)s] [logging.py:128:log_dist] [Rank 0] %(message)s", level=logging.INFO
)
train, _ = loaders(32)
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
logging.info("DeepSpeed info: version=0.18.0, git-hash=unknown, git-branch=unknown")
step = 0
for _ in range(2):
    for x, y in train:
        optimizer.param_groups[0]["lr"] = rate = 1e-3 * min(1, (step + 1) / 50)
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 10 == 0:
            logging.info("step=%d, skipped=0, lr=[%s], mom=[(0.9, 0.999)]", step, rate)
            print(f"steps: {step} loss: {loss.item():.4f} iter time (s): 0.512 samples/sec: 62.500", flush=True)
            said = {"lr": rate, "loss": round(loss.item(), 4)}
tell(metrics=said, step=step // 10 * 10)
