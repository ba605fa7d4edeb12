"""XGBoost: train with two sets of data to watch."""

import xgboost as xgb
from _small import digits, tell

x, y, x_test, y_test = digits()
train, test = xgb.DMatrix(x, y), xgb.DMatrix(x_test, y_test)
parameters = {"objective": "multi:softprob", "num_class": 10, "eval_metric": ["mlogloss", "merror"], "max_depth": 3}
results = {}
xgb.train(parameters, train, 20, evals=[(train, "train"), (test, "eval")], evals_result=results)
tell(
    metrics={f"{data}-{name}": round(values[-1], 5) for data, of in results.items() for name, values in of.items()},
    step=19,
)
