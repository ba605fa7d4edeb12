"""Lightning with its rich bar."""

from __future__ import annotations

from _lightning import train
from lightning.pytorch.callbacks import RichProgressBar

train(RichProgressBar(), 5, "lightning (rich)", ".3f")
