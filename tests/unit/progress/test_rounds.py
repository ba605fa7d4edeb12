"""Lines of libraries that print one for each round."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpurun_jupyter.core.events import Metric, Output, Progress
from gpurun_jupyter.progress import Decoder
from gpurun_jupyter.progress.record import decode
from gpurun_jupyter.progress.recordings import pieces

HERE = Path(__file__).parent

XGBOOST = "[0]\ttrain-logloss:0.44276\tval-logloss:0.44276\n[1]\ttrain-logloss:0.30426\tval-logloss:0.3\n"
LIGHTGBM = "[1]\tvalid_0's binary_logloss: 0.600131\tvalid_0's auc: 1\n[2]\tcv_agg's l2: 0.5 + 0.01\n"
CATBOOST = (
    "0:\tlearn: 0.6559230\ttest: 0.6580\tbest: 0.6580 (0)\ttotal: 47.3ms\tremaining: 4.68s\n"
    "1:\tlearn: 0.62\ttest: 0.63\tbest: 0.63 (1)\ttotal: 48ms\tremaining: 2m 3s\n"
)
KERAS = "".join(
    f"Epoch {epoch}/2\n32/32 - 0s - 9ms/step - accuracy: 0.{epoch} - loss: 1e-0{epoch} - val_loss: {epoch}.5\n"
    for epoch in (1, 2)
)
MLP = "Iteration 1, loss = 0.69314718\nIteration 2, loss = 0.5\nTraining loss did not improve\n"
GRADIENT = (
    "      Iter       Train Loss      OOB Improve   Remaining Time \n"
    "         1           1.0323           0.0500            0.04s\n"
    "         2           0.9500          -0.0100            0.03s\n"
)
HISTOGRAM = (
    "[1/10] 1 tree, 31 leaves, max depth = 8, train loss: 0.5, val loss: 0.6, in 0.01s\n"
    "[2/10] 1 tree, 31 leaves, max depth = 8, train loss: 0.4, val loss: 0.5, in 0.01s\n"
)

ROUNDS = [
    (
        XGBOOST,
        [(0, {"train-logloss": 0.44276, "val-logloss": 0.44276}), (1, {"train-logloss": 0.30426, "val-logloss": 0.3})],
    ),
    (LIGHTGBM, [(1, {"valid_0's binary_logloss": 0.600131, "valid_0's auc": 1}), (2, {"cv_agg's l2": 0.5})]),
    (
        CATBOOST,
        [(0, {"learn": 0.655923, "test": 0.658, "best": 0.658}), (1, {"learn": 0.62, "test": 0.63, "best": 0.63})],
    ),
    (
        KERAS,
        [(32, {"accuracy": 0.1, "loss": 0.1, "val_loss": 1.5}), (64, {"accuracy": 0.2, "loss": 0.01, "val_loss": 2.5})],
    ),
    ("32/32 - 1s - loss: 0.45 - accuracy: 0.84 - 1s/epoch - 9ms/step\n", [(32, {"loss": 0.45, "accuracy": 0.84})]),
    (MLP, [(1, {"loss": 0.69314718}), (2, {"loss": 0.5})]),
    ("32/32 - 1s - loss: nan - accuracy: -inf\n", [(32, {"loss": "NaN", "accuracy": "-Infinity"})]),
    ("Iteration 1, loss = nan\n", [(1, {"loss": "NaN"})]),
    ("Iteration 0, inertia 120.5.\nIteration 1, inertia 99.0\n", [(0, {"inertia": 120.5}), (1, {"inertia": 99})]),
    (GRADIENT, [(1, {"Train Loss": 1.0323, "OOB Improve": 0.05}), (2, {"Train Loss": 0.95, "OOB Improve": -0.01})]),
    (HISTOGRAM, [(1, {"train loss": 0.5, "val loss": 0.6}), (2, {"train loss": 0.4, "val loss": 0.5})]),
]
each = pytest.mark.parametrize(("text", "metrics"), ROUNDS, ids=[text.split()[0] for text, _ in ROUNDS])


def feed(text: str, size: int) -> list:
    decoder = Decoder()
    fed = (decoder.feed(text[start : start + size], "stdout") for start in range(0, len(text), size))
    return [*(event for events in fed for event in events), *decoder.flush()]


@each
@pytest.mark.parametrize("size", [1, 7, 100_000_000])
@pytest.mark.parametrize("before", ["", "ordinary text\n" * 20_000], ids=["first", "late"])
def test_lines_are_metrics_and_stay(text: str, metrics: list, size: int, before: str) -> None:
    decoder = Decoder()
    cuts = [before, *(text[start : start + size] for start in range(0, len(text), size))]
    fed = (decoder.feed(piece, "stdout") for piece in cuts if piece)
    events = [*(event for events in fed for event in events), *decoder.flush()]
    assert [(event.step, event.values) for event in events if isinstance(event, Metric)] == metrics
    assert "".join(event.text for event in events if isinstance(event, Output)) == before + text


@pytest.mark.parametrize(
    "text",
    [
        "[0]\tfoo\tbar:1\n",
        "[0]\n",
        "1:\tx\n",
        "12/24 - something\n",
        "2026/12 - 3 late\n",
        "Iteration 3, loss\n",
        "[1/3] installing: 5\n",
        "   1  2.0  3.0\n",
    ],
)
def test_other_lines_are_text(text: str) -> None:
    assert [type(event) for event in feed(text, 10**6)] == [Output]


def test_epochs_of_keras_lines_are_counted() -> None:
    bars = {e.id: (e.parent, e.done, e.total) for e in feed(KERAS, 10**6) if isinstance(e, Progress)}
    assert bars == {"epochs": (None, 2, 2), "b1": ("epochs", 32, 32)}


def recorded(name: str, size: int | None = None) -> tuple[dict, dict, list[str]]:
    text = "".join(piece.text for piece in pieces((HERE / f"{name}-pty.bin").read_bytes()))
    record = decode(
        [(None, text[start : start + (size or len(text))]) for start in range(0, len(text), size or len(text))]
    )
    return (
        {bar.id: (bar.parent, bar.label, bar.done, bar.total) for bar in record.bars.values()},
        record.metrics,
        "".join(record.text).splitlines(),
    )


@pytest.mark.parametrize("size", [None, 64, 9])
def test_bars_of_fastprogress(size: int | None) -> None:
    bars, metrics, lines = recorded("fp_master", size)
    assert bars == {
        "epochs": (None, "epochs", 3, 3),
        "b1": ("epochs", "Epoch 3/3", 5, 5),
        "b2": (None, "", 5, 5),
    }
    assert metrics == {"loss": 0.2}
    *written, bar, done = [line for line in lines if line.strip("█")]
    assert [line.rstrip() for line in written] == ["epoch 0 loss 0.500", "epoch 1 loss 0.250", "epoch 2 loss 0.167"]
    assert bar.endswith("| 100.00% [5/5 00:00<00:00]")
    assert done == "done"


@pytest.mark.parametrize("size", [None, 64, 9])
def test_bars_of_alive_progress_and_progressbar2(size: int | None) -> None:
    bars, _, lines = recorded("alive_progressbar2", size)
    assert bars == {"b1": (None, "alive", 20, 20), "b2": (None, "pb2", 20, 20)}
    assert [line.split()[0] for line in lines] == ["alive", "pb2"]
