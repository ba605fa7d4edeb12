"""structlog: lines of JSON."""

import structlog
from _small import Softmax, tell

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(),
    ]
)
log = structlog.get_logger()
model = Softmax()
log.info("training started", epochs=5, batch_size=64, learning_rate=0.5)
for epoch in range(1, 6):
    loss = model.epoch()
    test_loss, accuracy = model.test()
    log.info(
        "epoch finished", epoch=epoch, loss=round(loss, 4), val_loss=round(test_loss, 4), val_acc=round(accuracy, 4)
    )
log.info("training finished", seconds=1.2)
tell(metrics={"loss": round(loss, 4), "val_loss": round(test_loss, 4), "val_acc": round(accuracy, 4)}, epoch=5)
