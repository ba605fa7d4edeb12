"""scikit-learn: histogram gradient boosting, one line a round."""

from _small import digits, tell
from sklearn.ensemble import HistGradientBoostingClassifier

x, y, *_ = digits()
model = HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=7, early_stopping=True, scoring="loss", verbose=2)
model.set_params(random_state=0).fit(x, y > 4)
tell(
    metrics={
        "train loss": float(f"{-model.train_score_[-1]:.5f}"),
        "val loss": float(f"{-model.validation_score_[-1]:.5f}"),
    },
    step=12,
    fraction=1.0,
)
