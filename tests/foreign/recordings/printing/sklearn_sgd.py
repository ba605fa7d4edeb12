"""scikit-learn: SGDClassifier, a block of two lines an epoch."""

import numpy as np
from _small import digits, tell
from sklearn.linear_model import SGDClassifier

x, y, *_ = digits()
model = SGDClassifier(loss="log_loss", max_iter=6, tol=None, verbose=1, random_state=0).fit(x, y > 4)
weights, bias = model.coef_[0], model.intercept_[0]
tell(
    metrics={"Norm": round(float(np.linalg.norm(weights)), 2), "Bias": round(float(bias), 6)},
    epoch=6,
    note="Avg. loss is printed as well; scikit-learn keeps it nowhere",
)
