"""scikit-learn: k-means, inertia each iteration."""

from _small import digits, tell
from sklearn.cluster import KMeans

x, *_ = digits()
model = KMeans(10, n_init=1, verbose=1, random_state=1).fit(x)
tell(metrics={"inertia": float(model.inertia_)}, step=model.n_iter_ - 1)
