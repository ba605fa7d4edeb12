"""fastai: its table of a learner on tabular data."""

import pandas as pd
from _small import digits, tell
from fastai.tabular.all import Categorify, TabularDataLoaders, accuracy, tabular_learner

x, y, *_ = digits()
frame = pd.DataFrame(x, columns=[f"p{i}" for i in range(64)]).assign(digit=y.astype(str))
loaders = TabularDataLoaders.from_df(
    frame, procs=[Categorify], cont_names=list(frame.columns[:-1]), y_names="digit", bs=64
)
learner = tabular_learner(loaders, layers=[32], metrics=accuracy)
learner.fit_one_cycle(4, 0.01)
train, valid, right = learner.recorder.values[-1]
tell(
    metrics={"train_loss": round(train, 6), "valid_loss": round(valid, 6), "accuracy": round(right, 6)},
    epoch=3,
    note="the table counts epochs from 0, the bars beside it from 1: Epoch 4/4",
)
