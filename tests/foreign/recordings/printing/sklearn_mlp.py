"""scikit-learn: a network of neurons that tells its loss."""

from _small import digits, tell
from sklearn.neural_network import MLPClassifier

x, y, x_test, y_test = digits()
model = MLPClassifier((32,), max_iter=40, early_stopping=True, n_iter_no_change=4, verbose=True, random_state=0)
model.fit(x, y)
score = model.score(x_test, y_test)
print(f"Test accuracy: {score:.3f}")
tell(
    metrics={
        "loss": round(model.loss_curve_[-1], 8),
        "Validation score": round(model.validation_scores_[-1], 6),
        "Test accuracy": round(score, 3),
    },
    step=model.n_iter_,
)
