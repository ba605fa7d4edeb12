"""In the manner of TensorFlow's estimators: loss and step, the rate of steps, an evaluation saved at the end."""

import logging
import time

from _small import Softmax, tell

logging.basicConfig(format="%(levelname)s:tensorflow:%(message)s", level=logging.INFO)
model, before = Softmax(0.1), time.time()
logging.info("Calling model_fn.")
logging.info("Done calling model_fn.")
logging.info("Create CheckpointSaverHook.")
logging.info("Graph was finalized.")
logging.info("Saving checkpoints for 0 into /tmp/model/model.ckpt.")
for step in range(401):
    loss = model.step(step)
    if step % 100 == 0:
        took, before = time.time() - before, time.time()
        if step:
            logging.info("global_step/sec: %g", 100 / took)
            logging.info("loss = %s, step = %d (%.3f sec)", f"{loss:.8g}", step, took)
        else:
            logging.info("loss = %s, step = 0", f"{loss:.8g}")
        said = float(f"{loss:.8g}")
logging.info("Saving checkpoints for 400 into /tmp/model/model.ckpt.")
logging.info("Evaluation [10/100]")
tested, accuracy = model.test()
logging.info("Finished evaluation at 2026-11-28-10:00:00")
logging.info("Saving dict for global step 400: accuracy = %.7g, global_step = 400, loss = %.7g", accuracy, tested)
logging.info("Loss for final step: %s.", said)
tell(
    metrics={"loss": float(f"{tested:.7g}"), "accuracy": float(f"{accuracy:.7g}"), "Loss for final step": said},
    step=400,
    note="'Evaluation [10/100]' is no epoch and no step; loss is last said by the evaluation",
)
