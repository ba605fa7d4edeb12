"""Lightning with its MLFlowLogger."""

import os

import lightning
import torch
from lightning.pytorch.loggers import MLFlowLogger
from torch.utils.data import DataLoader, TensorDataset


class Line(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
        self.save_hyperparameters({"lr": 0.1})

    def _loss(self, batch):
        x, y = batch
        return ((self.layer(x) - y) ** 2).mean()

    def training_step(self, batch, _):
        loss = self._loss(batch)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", self._loss(batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


x = torch.randn(256, 4)
data = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=16)
logger = MLFlowLogger(experiment_name="line", tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
lightning.Trainer(max_epochs=3, logger=logger, log_every_n_steps=4, enable_checkpointing=False).fit(Line(), data, data)
