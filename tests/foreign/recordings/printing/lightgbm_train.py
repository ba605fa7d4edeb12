"""LightGBM: a line every five rounds."""

import lightgbm as lgb
from _small import digits, tell

x, y, x_test, y_test = digits()
train = lgb.Dataset(x, y)
results = {}
lgb.train(
    {"objective": "multiclass", "num_class": 10, "metric": ["multi_logloss", "multi_error"], "num_leaves": 7},
    train,
    40,
    valid_sets=[train, lgb.Dataset(x_test, y_test, reference=train)],
    valid_names=["train", "valid"],
    callbacks=[lgb.log_evaluation(5), lgb.early_stopping(10), lgb.record_evaluation(results)],
)
tell(
    metrics={f"{data}'s {name}": float(f"{v[-1]:g}") for data, of in results.items() for name, v in of.items()},
    step=40,
)
