"""Lightning: its TensorBoardLogger and CSVLogger, each with hyperparameters."""

import csv
from pathlib import Path

import lightning
import torch
from _want import want
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


class Line(lightning.LightningModule):
    """Fits a line."""

    def __init__(self, width: int = 4, lr: float = 0.05, name: str = "line"):
        super().__init__()
        self.save_hyperparameters()
        self.inner = torch.nn.Linear(width, 1)

    def training_step(self, batch, _):
        loss = self._loss(batch)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", self._loss(batch))

    def _loss(self, batch):
        return torch.nn.functional.mse_loss(self.inner(batch[0])[:, 0], batch[0].sum(1))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.hparams.lr)


torch.manual_seed(0)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(64, 4)), 8)
board = TensorBoardLogger(".", name="", version="tensorboard_lightning", default_hp_metric=True)
table = CSVLogger(".", name="", version="lightning_csv")
trainer = lightning.Trainer(
    max_epochs=4,
    accelerator="cpu",
    logger=[board, table],
    log_every_n_steps=2,
    enable_progress_bar=False,
    enable_checkpointing=False,
    enable_model_summary=False,
)
trainer.fit(Line(), data, data)
parameters = {"width": 4, "lr": 0.05, "name": "line"}
# The module's own numbers are not kept, so these are read back by the csv module and by TensorBoard.
rows = list(csv.DictReader(Path("lightning_csv/metrics.csv").read_text().splitlines()))
names = [name for name in rows[0] if name not in ("epoch", "step")]
metrics = {name: [[int(row["step"]), float(row[name])] for row in rows if row[name]] for name in names}
want("lightning_csv", metrics, parameters)
events = EventAccumulator("tensorboard_lightning", size_guidance={"scalars": 0})
events.Reload()
metrics = {tag: [[point.step, point.value] for point in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
want("tensorboard_lightning", metrics, parameters, "parameters are in hparams.yaml and in the events")
