"""PyTorch-Ignite: its engine's own log, and a handler that logs."""

import logging

import torch
from _small import loaders, network, tell
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy, Loss
from ignite.utils import setup_logger

train, test = loaders()
model, loss = network(), torch.nn.CrossEntropyLoss()
trainer = create_supervised_trainer(model, torch.optim.Adam(model.parameters(), 0.01), loss)
evaluator = create_supervised_evaluator(model, {"accuracy": Accuracy(), "nll": Loss(loss)})
trainer.logger = setup_logger("trainer", level=logging.INFO)
last = {}


@trainer.on(Events.ITERATION_COMPLETED(every=11))
def log_loss(engine):
    last["Loss"] = round(engine.state.output, 2)
    trainer.logger.info(
        "Epoch[%d] Iteration[%d/%d] Loss: %.2f", engine.state.epoch, engine.state.iteration, 88, engine.state.output
    )


@trainer.on(Events.EPOCH_COMPLETED)
def log_validation(engine):
    found = evaluator.run(test).metrics
    last.update({"Avg accuracy": round(found["accuracy"], 2), "Avg loss": round(found["nll"], 2)})
    said = f"Avg accuracy: {found['accuracy']:.2f} Avg loss: {found['nll']:.2f}"
    print(f"Validation Results - Epoch: {engine.state.epoch}  {said}")


trainer.run(train, max_epochs=4)
tell(metrics=last, epoch=4, step=88, fraction=1.0)
