"""accelerate: its logger, and print."""

import logging

import torch
from _small import loaders, network, tell
from accelerate import Accelerator
from accelerate.logging import get_logger

logging.basicConfig(
    format="%(asctime)s - %(levelname)s - %(name)s - %(message)s", datefmt="%m/%d/%Y %H:%M:%S", level=logging.INFO
)
logger = get_logger(__name__)
accelerator = Accelerator(cpu=True)
logger.info(accelerator.state, main_process_only=False)
model, loss_of = network(), torch.nn.CrossEntropyLoss()
train, test = loaders()
model, optimizer, train, test = accelerator.prepare(model, torch.optim.Adam(model.parameters(), 0.01), train, test)
logger.info("***** Running training *****")
logger.info("  Num examples = %d", len(train.dataset))
logger.info("  Num Epochs = 3")
logger.info("  Total optimization steps = %d", 3 * len(train))
done = 0
for epoch in range(3):
    for x, y in train:
        loss = loss_of(model(x), y)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        done += 1
        if done % 10 == 0:
            said = round(loss.item(), 4)
            logger.info("step %d: loss=%.4f, lr=%.0e", done, loss.item(), optimizer.param_groups[0]["lr"])
    right = sum(int((accelerator.gather_for_metrics(model(x).argmax(1)) == y).sum()) for x, y in test)
    accuracy = right / len(test.dataset)
    accelerator.print(f"epoch {epoch}: {{'accuracy': {accuracy:.4f}}}")
tell(metrics={"loss": said, "lr": 0.01, "accuracy": round(accuracy, 4)}, epoch=2, step=60)
