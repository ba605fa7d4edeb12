"""Lightning with its tqdm bar, which does not say how many epochs there are: the script does, as scripts do."""

from __future__ import annotations

import argparse

from _lightning import train
from lightning.pytorch.callbacks import TQDMProgressBar

parser = argparse.ArgumentParser()
parser.add_argument("--max-epochs", type=int, default=5)
parser.add_argument("--lr", type=float, default=0.01)
args = parser.parse_args()
print(args)
train(TQDMProgressBar(), args.max_epochs, "lightning (tqdm)", ".3g")
