"""loguru: its coloured lines."""

import sys

from _small import Softmax, tell
from loguru import logger

logger.remove()
logger.add(sys.stderr, colorize=True)
model = Softmax()
EPOCHS = 5
for epoch in range(1, EPOCHS + 1):
    loss = model.epoch()
    test_loss, accuracy = model.test()
    logger.info(
        "Epoch {}/{} | train loss {:.4f} | val loss {:.4f} | acc {:.2%}", epoch, EPOCHS, loss, test_loss, accuracy
    )
    logger.opt(colors=True).info("<green>best accuracy</green> so far: <bold>{:.4f}</bold>", accuracy)
logger.success("Done")
tell(
    metrics={"train loss": round(loss, 4), "val loss": round(test_loss, 4), "acc": round(100 * accuracy, 2)},
    epoch=5,
    fraction=1.0,
)
