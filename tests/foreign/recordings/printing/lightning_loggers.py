"""Lightning 2.x: loggers for CSV and TensorBoard, no bar; what the trainer tells at its beginning and end."""

import lightning
import torch
from _small import loaders, network, tell
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger


class Digits(lightning.LightningModule):
    """Learns digits."""

    def __init__(self):
        super().__init__()
        self.model, self.loss = network(), torch.nn.CrossEntropyLoss()

    def training_step(self, batch, _):
        loss = self.loss(self.model(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        scores = self.model(batch[0])
        self.log("val_loss", self.loss(scores, batch[1]))
        self.log("val_acc", (scores.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.01)


class Say(lightning.Callback):
    """Prints what the validation found, as many people's callbacks do."""

    said = None

    def on_validation_end(self, trainer, module):
        if not trainer.sanity_checking:
            self.said = {name: round(float(value), 4) for name, value in trainer.callback_metrics.items()}
            print(f"[epoch {trainer.current_epoch}] step {trainer.global_step}: {self.said}")


train, test = loaders()
say = Say()
trainer = lightning.Trainer(
    max_epochs=3,
    accelerator="cpu",
    logger=[CSVLogger("."), TensorBoardLogger(".")],
    enable_progress_bar=False,
    log_every_n_steps=5,
    callbacks=[say],
)
trainer.fit(Digits(), train, test)
results = trainer.validate(trainer.lightning_module, test, verbose=True)
tell(metrics=say.said | {name: float(value) for name, value in results[0].items()}, epoch=2, step=trainer.global_step)
