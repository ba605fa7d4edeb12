"""Lightning with tqdm's bar."""

import logging
import warnings

import lightning
import torch
from lightning.pytorch.callbacks import TQDMProgressBar

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Line(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def loss_of(self, batch):
        return ((self.layer(batch[0]) - batch[1]) ** 2).mean()

    def training_step(self, batch, _):
        loss = self.loss_of(batch)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", self.loss_of(batch), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


lightning.seed_everything(0)
points = torch.utils.data.TensorDataset(torch.randn(64, 4), torch.randn(64, 1))
loader = torch.utils.data.DataLoader(points, 8)
trainer = lightning.Trainer(
    max_epochs=3,
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_model_summary=False,
    callbacks=[TQDMProgressBar()],
)
trainer.fit(Line(), loader, loader)
print("trained")
