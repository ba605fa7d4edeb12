"""python-json-logger: records of logging as JSON, the numbers within a record of metrics."""

import logging
import sys

from _small import Softmax, tell
from pythonjsonlogger.json import JsonFormatter

handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(JsonFormatter("{asctime}{levelname}{name}{message}", style="{"))
logging.basicConfig(level=logging.INFO, handlers=[handler])
log = logging.getLogger("train")
model = Softmax()
for step in range(60):
    loss = model.step(step)
    if step % 10 == 9:
        log.info("step", extra={"step": step + 1, "metrics": {"loss": loss, "lr": 0.5}})
tell(metrics={"loss": loss, "lr": 0.5}, step=60)
