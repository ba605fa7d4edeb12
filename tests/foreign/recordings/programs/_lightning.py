"""A Lightning training; the bar is the caller's choice."""

from __future__ import annotations

import lightning
import torch
from _data import network, points, tell_truth, work


class Classifier(lightning.LightningModule):
    """Logs train_loss at every step, val_loss and val_acc at every epoch, on the bar too."""

    def __init__(self):
        super().__init__()
        self.model = network()

    def training_step(self, batch, _):
        loss = torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True)
        work(0.04)
        return loss

    def validation_step(self, batch, _):
        out = self.model(batch[0])
        self.log("val_loss", torch.nn.functional.cross_entropy(out, batch[1]), prog_bar=True)
        self.log("val_acc", (out.argmax(1) == batch[1]).float().mean(), prog_bar=True)
        work(0.02)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.01)


def train(bar, epochs: int, library: str, digits: str) -> None:
    """Fit, then tell the final metrics as the bar rounds them."""
    trainer = lightning.Trainer(
        max_epochs=epochs, callbacks=[bar], logger=False, accelerator="cpu", log_every_n_steps=1
    )
    loader = torch.utils.data.DataLoader
    trainer.fit(Classifier(), loader(points(960), batch_size=32), loader(points(320, 1), batch_size=32))
    metrics = {name: float(format(value.item(), digits)) for name, value in trainer.callback_metrics.items()}
    tell_truth(library=library, epochs=epochs, steps=30, metrics=metrics)
