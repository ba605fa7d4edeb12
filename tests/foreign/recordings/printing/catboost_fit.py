"""CatBoost: its own line every ten rounds, with the time that remains."""

from _small import digits, tell
from catboost import CatBoostClassifier

x, y, x_test, y_test = digits()
model = CatBoostClassifier(iterations=100, depth=3, learning_rate=0.2, thread_count=2, allow_writing_files=False)
model.fit(x, y, eval_set=(x_test, y_test), verbose=10)
results = model.get_evals_result()
tested = results["validation"]["MultiClass"]
tell(
    metrics={
        "learn": round(results["learn"]["MultiClass"][-1], 7),
        "test": round(tested[-1], 7),
        "best": round(min(tested), 7),
    },
    step=99,
    left_s=0,
)
