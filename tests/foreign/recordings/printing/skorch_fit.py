"""skorch: its table."""

import torch
from _small import digits, network, tell
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring

x, y, *_ = digits()
torch.manual_seed(0)
net = NeuralNetClassifier(
    network(),
    criterion=torch.nn.CrossEntropyLoss,
    max_epochs=8,
    lr=0.2,
    callbacks=[EpochScoring("f1_macro", name="valid_f1", lower_is_better=False)],
)
net.fit(x, y)
last = net.history[-1]
names = "train_loss", "valid_acc", "valid_f1", "valid_loss"
tell(metrics={name: round(float(last[name]), 4) for name in names}, epoch=8)
