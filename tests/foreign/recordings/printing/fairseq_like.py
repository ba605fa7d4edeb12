"""In the manner of fairseq: bars between, key=value within an epoch, 'key value' at its end."""

import logging
import math

import torch
from _small import loaders, network, tell

logging.basicConfig(
    format="%(asctime)s | %(levelname)s | %(name)s | %(message)s", datefmt="%Y-%m-%d %H:%M:%S", level=logging.INFO
)
inner, outer = logging.getLogger("train_inner"), logging.getLogger("train")
train, test = loaders(32)
model, loss_of = network(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
updates = 0
for epoch in (1, 2, 3):
    losses = []
    outer.info("Start iterating over samples")
    for number, (x, y) in enumerate(train, 1):
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0).item()
        optimizer.step()
        updates += 1
        losses.append(loss.item() / math.log(2))
        if number % 10 == 0:
            inner.info(
                f"epoch {epoch:03d}: {number:6d} / {len(train)} loss={losses[-1]:.3f}, ppl={2 ** losses[-1]:.2f}, "
                f"wps=21345.6, ups=12.3, wpb=1735.2, bsz=32, num_updates={updates}, lr=0.01, gnorm={norm:.3f}, "
                "train_wall=8, gb_free=10.2, wall=12"
            )
    mean = sum(losses) / len(losses)
    with torch.no_grad():
        found = sum(loss_of(model(x), y).item() for x, y in test) / len(test) / math.log(2)
    logging.getLogger("valid").info(
        f"epoch {epoch:03d} | valid on 'valid' subset | loss {found:.3f} | ppl {2**found:.2f} | wps 51234.5 | "
        f"wpb 1212.3 | bsz 32 | num_updates {updates}"
    )
    outer.info(f"end of epoch {epoch} (average epoch stats below)")
    outer.info(
        f"epoch {epoch:03d} | loss {mean:.3f} | ppl {2**mean:.2f} | wps 20123.4 | ups 11.9 | wpb 1735.2 | bsz 32 | "
        f"num_updates {updates} | lr 0.01 | gnorm {norm:.3f} | train_wall 8 | gb_free 10.2 | wall 14"
    )
outer.info("done training in 14.2 seconds")
said = {"loss": round(mean, 3), "ppl": round(2**mean, 2), "lr": 0.01, "gnorm": round(norm, 3)}
tell(
    metrics=said,
    epoch=3,
    step=updates,
    note=f"the line of 'valid' said loss {found:.3f} and ppl {2**found:.2f} under the same names",
)
