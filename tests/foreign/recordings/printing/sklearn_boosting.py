"""scikit-learn: gradient boosting; its table says how much time is left."""

from _small import digits, tell
from sklearn.ensemble import GradientBoostingClassifier

x, y, *_ = digits()
model = GradientBoostingClassifier(n_estimators=30, subsample=0.5, max_depth=2, verbose=1, random_state=0).fit(x, y)
tell(
    metrics={
        "Train Loss": float(f"{model.train_score_[-1]:.4f}"),
        "OOB Improve": float(f"{model.oob_improvement_[-1]:.4f}"),
    },
    step=30,
    left_s=0,
)
