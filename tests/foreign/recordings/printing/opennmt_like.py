"""In the manner of OpenNMT-py: semicolons between, percent without its sign, step of all; ends at 600 of 1000."""

import logging
import math
import time

import torch
from _small import loaders, network, tell

logging.basicConfig(format="[%(asctime)s %(levelname)s] %(message)s", level=logging.INFO)
STEPS, STOP = 1000, 600
train, test = loaders(32)
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
logging.info("Starting training on CPU, could be very slow")
logging.info("Start training loop and validate every 300 steps...")
step, begun = 0, time.time()
while step < STOP:
    for x, y in train:
        scores = model(x)
        loss = loss_of(scores, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 50 == 0:
            right = 100 * (scores.argmax(1) == y).float().mean().item()
            logging.info(
                f"Step {step}/{STEPS:5d}; acc: {right:3.1f}; ppl: {math.exp(loss.item()):5.1f}; "
                f"xent: {loss.item():4.1f}; lr: {1e-3:7.5f}; sents: {step * 32:7d}; bsz: 2048/1987/32; "
                f"1234/1187 tok/s; {time.time() - begun:6.0f} sec;"
            )
            said = {"acc": right, "ppl": math.exp(loss.item()), "xent": loss.item()}
            said = {name: round(value, 1) for name, value in said.items()} | {"lr": 1e-3}
        if step % 300 == 0:
            with torch.no_grad():
                found = sum(loss_of(model(x), y).item() for x, y in test) / len(test)
                good = 100 * sum(int((model(x).argmax(1) == y).sum()) for x, y in test) / len(test.dataset)
            logging.info("valid stats calculation")
            logging.info(f"Validation perplexity: {math.exp(found):g}")
            logging.info(f"Validation accuracy: {good:g}")
        if step == STOP:
            break
said |= {"Validation perplexity": float(f"{math.exp(found):g}"), "Validation accuracy": float(f"{good:g}")}
tell(metrics=said, step=STOP, fraction=STOP / STEPS)
