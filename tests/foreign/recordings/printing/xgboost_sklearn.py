"""XGBoost's classes in the manner of scikit-learn, with verbose and a stop when it no longer gets better."""

from _small import digits, tell
from xgboost import XGBRegressor

x, y, x_test, y_test = digits()
model = XGBRegressor(n_estimators=60, learning_rate=0.5, early_stopping_rounds=5)
model.fit(x, y, eval_set=[(x, y), (x_test, y_test)], verbose=True)
results = model.evals_result()
tell(
    metrics={f"{data}-{name}": round(v[-1], 5) for data, of in results.items() for name, v in of.items()},
    step=len(results["validation_0"]["rmse"]) - 1,
)
