"""Printed lines: what each format says, and that they stay as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.events import Metric, Output, Progress, encode_line
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


@pytest.mark.parametrize(
    ("line", "metrics"),
    [
        (
            "Epoch 3/10 | train_loss=0.5 | val_loss=0.6 | lr=1e-3 | 12.3s",
            {"train_loss": 0.5, "val_loss": 0.6, "lr": 0.001},
        ),
        ("[100/1000] loss=0.5 acc=90.1% (12.3 it/s, ETA 0:01:02)", {"loss": 0.5, "acc": 90.1}),
        ("it 100 | loss 0.3 | lr 1e-3", {"loss": 0.3, "lr": 0.001}),
        ("[1,  2000] loss: 2.173", {"loss": 2.173}),
        (
            "[0/5][50/1583]\tLoss_D: 0.5\tLoss_G: 3.2\tD(G(z)): 0.1 / 0.05",
            {"Loss_D": 0.5, "Loss_G": 3.2, "D(G(z))": 0.1},
        ),
        (
            "11/28/2026 16:00:01 - INFO - __main__ - epoch 0: {'accuracy': 0.71, 'f1': 0.82}",
            {"accuracy": 0.71, "f1": 0.82},
        ),
        ("16:00:01 | yolox.core.trainer:260 - epoch: 1/300, iter: 10/7329, mem: 2345Mb, lr: 1.0e-05", {"lr": 1e-05}),
        ("Training loss (for one batch) at step 100: 0.5", {"Training loss (for one batch)": 0.5}),
        ("Loss after epoch 3: 0.5", {"Loss": 0.5}),
        ("Epoch-3 loss:0.5", {"loss": 0.5}),
        ("Epoch(3/10) loss(0.5) acc(0.9)", {"loss": 0.5, "acc": 0.9}),
        ("[Epoch 0/200] [Batch 10/938] [D loss: 0.69] [G loss: 0.70]", {"D loss": 0.69, "G loss": 0.7}),
        ("INFO:root:Epoch[0] Validation-accuracy=0.920000", {"Validation-accuracy": 0.92}),
        ("train_opt_callback: iter=    10 sample=11/1000 loss=2.5 dt=00:00:01 eta=00:10:00", {"loss": 2.5}),
        ("Step 1,200/10,000 loss 0.5", {"loss": 0.5}),
        ("3エポック目 損失:0.5", {"損失": 0.5}),
        ("epoch 3 loss tensor(0.5)", {"loss": 0.5}),
        ("Epoch=3 Loss=tensor(0.5, grad_fn=<NllLossBackward>)", {"Loss": 0.5}),
        ("[default0]: iteration 10/ 1000 | lm loss: 7.1E+00 | grad norm: 1.2 | loss scale: 1.0 |", {"lm loss": 7.1}),
        ("Epoch 5/10: loss nan, acc inf", {"loss": "NaN", "acc": "Infinity"}),
        ("\x1b[32mEpoch 5/10\x1b[0m loss: \x1b[1m0.5\x1b[0m", {"loss": 0.5}),
        ("第3轮 损失: 0.5 准确率\uff1a90%", {"损失": 0.5, "准确率": 90}),
        ("エポック: 3/4, 損失: 0.5", {"損失": 0.5}),
        ("스텝 120/1000 손실: 0.5", {"손실": 0.5}),
        ("Epoche 3 von 10: Verlust = 0,5", {"Verlust": 0.5}),
        ("época 3 de 10, pérdida: 0.5", {"pérdida": 0.5}),
        ("Эпоха 3/10, потери: 0.5, точность: 0.9", {"потери": 0.5, "точность": 0.9}),
    ],
)
def test_a_line_with_a_counter(line: str, metrics: dict) -> None:
    found = decode([(None, f"{line}\n")]).metrics
    assert {name: found.get(name) for name in metrics} == metrics
    assert not {"mem", "time", "eta"} & found.keys()


def test_what_is_said_without_a_counter_counts_once_it_comes_back() -> None:
    assert decode([(None, "loss: 2.5\n")]).metrics == {}
    assert decode([(None, "loss: 2.5\nloss: 2.5\n")]).metrics == {}
    events = [event for event in feed("loss: 2.5\nloss: 1.5\n", 10**6) if isinstance(event, Metric)]
    assert [event.values for event in events] == [{"loss": 2.5}, {"loss": 1.5}]


def test_a_name_of_ones_own_counts_beside_a_counter_that_goes_on() -> None:
    assert decode([(None, "step 10 wobble=0.5\n")]).metrics == {}
    assert decode([(None, "step 10 wobble=0.5\nstep 20 wobble=0.25\n")]).metrics == {"wobble": 0.25}
    assert decode([(None, "step 20 wobble=0.5\nstep 10 wobble=0.25\n")]).metrics == {}


def test_what_a_known_training_says_once_at_its_end_counts() -> None:
    text = "Epoch 1/1 loss: 0.5\nAccuracy of the network on the 10000 test images: 53 %\nTest F1: 0.7\n"
    assert decode([(None, text)]).metrics == {"loss": 0.5, "Accuracy": 53, "Test F1": 0.7}
    assert decode([(None, "Epoch 1/1 loss: 0.5\nlr: 0.1\n")]).metrics == {"loss": 0.5}


def test_what_a_validation_measures_is_told_apart() -> None:
    text = (
        "Epoch: [0][10/20] Loss 0.5 (0.6)\nTest: [5/5] Loss 0.7 (0.7)\n * Loss 0.75\nEpoch: [1][10/20] Loss 0.4 (0.5)\n"
    )
    assert decode([(None, text)]).metrics == {"Loss": 0.4, "Test/Loss": 0.75}


def test_epochs_and_steps_make_the_whole() -> None:
    record = decode([(None, "Epoch [2/4], Step [50/100], Loss: 0.5\n")])
    assert record.progress.fraction == 0.375
    assert (record.epoch, record.step) == (2, 50)
    again = decode([(None, "Epoch [1/4], Step [100/100], Loss: 0.5\nEpoch [2/4], Step [50/100], Loss: 0.25\n")])
    assert again.step == 150  # steps go on over epochs


NUMBERS = "1~0.5~1,5~1,234~1,2,3~1.2.3~-1~+0~1e5~1e999~nan~inf~.5~5.~3/10~" + "9" * 400
WORDS = """epoch ~Epoch [~step: ~loss: ~loss=~acc ~eta: ~[~(~/~]~)~, ~ | ~|~\t~  ~{'loss': ~}~%~\n~-----~│~第~轮~Test:
~\x1b[32m~\0~█~INFO :      ~round ~[ROUND ~History (loss, distributed):~fit progress: (~epoch  loss  acc~Epoch,loss
~32/32 - ~s - ~ms~Trial ~ finished with value: ~[0]\ttrain-rmse:~0:\tlearn: ~remaining: ~Norm: ~Iteration ~loss = """
fragments = st.sampled_from([*NUMBERS.split("~"), *WORDS.split("~")])


@given(st.lists(fragments, max_size=25).map("".join), st.integers(1, 50))
def test_whatever_is_printed_nothing_falls_over(text: str, size: int) -> None:
    events = feed(f"{text}\nepoch 1/2 loss: 0.5\n{text}\n", size)
    assert all(json.loads(encode_line(event)) for event in events)


def test_what_a_run_was_told_says_how_many_epochs_there_are() -> None:
    decoder = Decoder()
    decoder.expect({"lr": "0.1", "epochs": "4", "warmup-epochs": "1"})
    bars = [e for e in decoder.feed("Train Epoch: 2 [50/100 (50%)]\tLoss: 0.5\n", "stdout") if isinstance(e, Progress)]
    assert [(bar.id, bar.done, bar.total) for bar in bars] == [("epochs", 1, 4), ("b1", 50, 100)]


@pytest.mark.parametrize(
    ("said", "left_s"),
    [
        ("eta: 0:01:19", 79),
        ("ETA: 1 day, 2:03:04", 93784),
        ("remaining: 2m 3s", 123),
        ("남은 시간: 3분", 180),
        ("eta 45s", 45),
    ],
)
def test_the_time_left_that_is_printed(said: str, left_s: float) -> None:
    assert decode([(None, f"iter: 19 loss: 0.5 {said}\n")]).progress.left_s == left_s


@pytest.mark.parametrize(
    "text",
    [
        "epoch,loss,acc\n1,0.5,0.9\n2,0.4,0.91\n",
        "| epoch | loss | acc |\n|---|---|---|\n| 1 | 0.5 | 0.9 |\n| 2 | 0.4 | 0.91 |\n",
        "epoch\tloss\tacc\n1\t0.5\t0.9\n2\t0.4\t0.91\n",
        "Epoch    Loss     Acc  Time\n    1     0.5     0.9  00:03\n    2     0.4    0.91  00:03\n",
    ],
    ids=["commas", "markdown", "tabs", "blanks"],
)
def test_tables(text: str) -> None:
    record = decode([(None, text)])
    assert {name.lower(): value for name, value in record.metrics.items()} == {"loss": 0.4, "acc": 0.91}
    assert record.epoch == 2
