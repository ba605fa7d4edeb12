"""In the manner of Megatron-LM and DeepSpeed: values between bars; ends at 600 of 1000 iterations."""

import datetime as dt
import time

import torch
from _small import loaders, network, tell

ITERATIONS, STOP, EVERY = 1000, 600, 50
train, test = loaders(32)
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
print("[before the start of training step] datetime: 2026-11-28 10:00:00 ", flush=True)
done, begun = 0, time.time()
while done < STOP:
    for x, y in train:
        rate = 1.5e-3 * min(1, (done + 1) / 100)
        optimizer.param_groups[0]["lr"] = rate
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        optimizer.step()
        done += 1
        if done % EVERY == 0:
            took, begun = (time.time() - begun) / EVERY, time.time()
            now = dt.timedelta(seconds=36000 + done // 2)
            print(
                f" [2026-11-28 {now}] iteration {done:8d}/{ITERATIONS:8d} | consumed samples: {done * 32:12d} | "
                f"elapsed time per iteration (ms): {took * 1000:.1f} | throughput per GPU (TFLOP/s/GPU): 123.4 | "
                f"learning rate: {rate:.6E} | global batch size: {32:5d} | lm loss: {loss.item():.6E} | "
                f"loss scale: 1.0 | grad norm: {norm:.3f} | "
                f"number of skipped iterations: {0:3d} | number of nan iterations: {0:3d} |"
            )
            said = {"learning rate": rate, "lm loss": float(f"{loss.item():.6E}"), "grad norm": round(norm, 3)}
        if done % 300 == 0:
            with torch.no_grad():
                found = sum(loss_of(model(x), y).item() for x, y in test) / len(test)
            values = f"lm loss value: {found:.6E} | lm loss PPL: {2.718281828459045**found:.6E} | "
            print("-" * 100)
            print(f" validation loss at iteration {done} | {values}")
            print("-" * 100)
            print(f"[Rank 0] (after {done} iterations) memory (MB) | allocated: 345.6 | max allocated: 456.7")
        if done == STOP:
            break
said |= {"lm loss value": float(f"{found:.6E}"), "lm loss PPL": float(f"{2.718281828459045**found:.6E}")}
tell(metrics=said, step=STOP, fraction=STOP / ITERATIONS, note="loss scale is 1.0, a setting as much as a measurement")
