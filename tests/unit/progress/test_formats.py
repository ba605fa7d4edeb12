"""Lines of each library, read back one by one."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from gpurun_jupyter.core.events import Metric
from gpurun_jupyter.core.events import Progress as ProgressEvent
from gpurun_jupyter.progress import Decoder
from gpurun_jupyter.progress.readers import keras, rich, tqdm, ultralytics
from gpurun_jupyter.progress.readers.lines.reader import LineReader
from gpurun_jupyter.progress.readers.readings import Epoch
from gpurun_jupyter.progress.readers.recognise import recognise

KERAS = "\x1b[1m12/44\x1b[0m \x1b[32m━━━━━\x1b[0m\x1b[37m━━━━━━━\x1b[0m \x1b[1m1s\x1b[0m 50ms/step - accuracy: 0.0911"
KERAS_END = "44/44 ━━━━━━━━━━━━━━━━━━━━ 2s 57ms/step - loss: 1.6229 - val_loss: 1.3423e-04"
RICH = "train \x1b[91m━━━━━━\x1b[0m\x1b[90m╺━━━━━\x1b[0m \x1b[35m 15%\x1b[0m \x1b[36m0:00:02\x1b[0m"
LIGHTNING = "Epoch 0/4  ━━━━━━━━━╸━━━ 27/30 0:00:01 • 0:00:03 22.64it/s v_num: 0 train_loss: 0.707 val_acc: 0.9"
YOLO = "        3/5      1.20G      1.128       1.07     0.5357   31    64: 25% ━━━───────── 2/8 2.9it/s 0.5s<2.0s"
OLD_YOLO = "6/100  76.5G  1.11  0.9  2.3  35  640:  50%|█████     | 15/30 [00:16<00:16,  1.10s/it]"
FRAMES = [KERAS, KERAS_END, RICH, LIGHTNING, YOLO, OLD_YOLO]


def test_keras() -> None:
    seen = keras.read(KERAS)
    assert seen
    assert (seen.done, seen.total, seen.rate, seen.left_s, seen.values) == (12, 44, 20, 1, {"accuracy": 0.0911})
    seen = keras.read(KERAS_END)
    assert seen
    assert (seen.done, seen.left_s, seen.values) == (44, 0, {"loss": 1.6229, "val_loss": 1.3423e-04})
    seen = keras.read("12/44 [=======>......................] - ETA: 3s - loss: 2.3294 - accuracy: 0.0911")
    assert seen
    assert (seen.done, seen.total, seen.left_s, seen.values) == (12, 44, 3, {"loss": 2.3294, "accuracy": 0.0911})
    seen = keras.read("44/44 [==============================] - 5s 3ms/step - loss: 0.3 - accuracy: 0.91")
    assert seen
    assert (seen.done, seen.total, seen.left_s, seen.values) == (44, 44, 0, {"loss": 0.3, "accuracy": 0.91})
    seen = keras.read("      7/Unknown \x1b[1m1s\x1b[0m 190ms/step - loss: 0.5")
    assert seen
    assert (seen.done, seen.total, seen.left_s, seen.values) == (7, None, None, {"loss": 0.5})


def test_rich() -> None:
    seen = rich.read(RICH)
    assert seen
    assert (seen.label, seen.done, seen.total, seen.left_s) == ("train", 15, 100, 2)
    seen = rich.read("file.bin ━━━━━━━━━╸━━━━ 62.5% • 1.3/2.0 GB • 12.5 MB/s • 0:01:00")
    assert seen
    assert (seen.label, seen.done, seen.total, seen.rate, seen.left_s) == ("file.bin", 1.3e9, 2e9, 12.5e6, 60)
    waiting = rich.read("waiting ━━━━━━━━━━━━━━━━━━━━ -:--:--")
    assert waiting
    assert (waiting.done, waiting.total) == (0, None)


def test_lightning_counts_epochs_from_zero_and_names_the_last() -> None:
    seen = rich.read(LIGHTNING)
    assert seen
    assert (seen.epoch, seen.done, seen.total, seen.left_s) == (Epoch(0, 5), 27, 30, 3)
    assert seen.values == {"train_loss": 0.707, "val_acc": 0.9}
    tqdm_bar = tqdm.read("Sanity Checking: |          | 0/? [00:00<?, ?it/s]")
    assert tqdm_bar
    assert (tqdm_bar.label, tqdm_bar.total) == ("Sanity Checking", None)


def test_ultralytics() -> None:
    seen = recognise(YOLO)
    assert seen
    assert (seen.label, seen.done, seen.total, seen.rate, seen.left_s) == ("epoch 3/5", 2, 8, 2.9, 2)
    assert (seen.epoch, seen.cells) == (Epoch(2, 5), (1.128, 1.07, 0.5357, 31, 64))
    names = ultralytics.read_header("      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size")
    assert ultralytics.name_cells(names, seen.cells) == {"box_loss": 1.128, "cls_loss": 1.07, "dfl_loss": 0.5357}
    old = recognise(OLD_YOLO)
    assert old
    assert (old.epoch, old.done, old.total, old.cells[:2]) == (Epoch(5, 100), 15, 30, (1.11, 0.9))
    download = ultralytics.read("Downloading yolo.pt: 100% ━━━━━━━━━━━━ 6.2MB 30.1MB/s 0.2s")
    assert download
    assert (download.done, download.total, download.rate) == (6.2e6, 6.2e6, 30.1e6)


def test_validation_results_of_ultralytics() -> None:
    assert ultralytics.read_result(
        "                   all         16         16      0.811      0.750      0.826      0.512"
    ) == {
        "metrics/precision(B)": 0.811,
        "metrics/recall(B)": 0.75,
        "metrics/mAP50(B)": 0.826,
        "metrics/mAP50-95(B)": 0.512,
    }
    assert ultralytics.read_result("   all 16 16 0.8") == {}


@pytest.mark.parametrize(
    ("line", "values", "step"),
    [
        ("{'loss': '0.6933', 'learning_rate': '5e-05'}", {"loss": 0.6933, "learning_rate": 5e-05}, None),
        ("{'loss': 0.5, 'grad_norm': nan, 'epoch': 1.0}", {"loss": 0.5, "grad_norm": "NaN", "epoch": 1}, None),
        ('{"step": 120, "loss": -2}', {"loss": -2}, 120),
        ("{'eval/acc': 1,}", {"eval/acc": 1}, None),
        ("{'name': 'bert', 'layers': 12}", None, None),
        ("{'loss': {'a': 1}}", None, None),
        ("{'ok': True}", None, None),
        ("{}", None, None),
        ("{'loss': 0.5} and more", None, None),
        ("{'loss': 'nan', 'grad_norm': 'inf', 'step': 7}", {"loss": "NaN", "grad_norm": "Infinity"}, 7),
    ],
)
def test_logged_dicts(line: str, values: dict[str, float] | None, step: float | None) -> None:
    said = [event for event in Decoder().feed(f"{line}\n", "stdout") if isinstance(event, Metric)]
    assert [(event.values, event.step) for event in said] == ([(values, step)] if values else [])


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "━━━━━━━━━━━━━━━━━━━━",
        "━━━━━━━ Results ━━━━━━━",
        "┏━━━━━━━┳━━━━━━━━━┓",
        "┃ a ┃ 10% ┃ ━━━━━",
        "12/44 files",
        "a: 50% b",
    ],
)
def test_what_is_no_bar(frame: str) -> None:
    assert recognise(frame) is None


@given(
    done=st.integers(0, 5000),
    total=st.integers(1, 5000),
    label=st.sampled_from(["train", "epoch 3 ", "[red]x", "a b"]),
    width=st.integers(70, 140),
)
def test_what_rich_itself_draws_is_read_back(done: int, total: int, label: str, width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, legacy_windows=False, _environ={})
    columns = [*Progress.get_default_columns(), MofNCompleteColumn()]
    with Progress(*columns, console=console, auto_refresh=False) as progress:
        progress.add_task(label, total=total, completed=min(done, total))
    decoder = Decoder()
    events = decoder.feed(out.getvalue(), "stdout") + decoder.flush()
    bar = next(event for event in reversed(events) if isinstance(event, ProgressEvent) and event.id != "epochs")
    assert (bar.done, bar.total) == (min(done, total), total)
    assert bar.label == label.removeprefix("[red]").strip()


pieces = st.sampled_from(FRAMES).flatmap(
    lambda frame: st.tuples(st.integers(0, len(frame)), st.integers(0, len(frame))).map(
        lambda ends: frame[min(ends) : max(ends)]
    )
)


@given(st.lists(pieces | st.text("0123456789.:/%<> [],=-━─╸╺|skMGeB", max_size=8), max_size=4).map("".join))
def test_no_recogniser_falls_over_a_broken_frame(frame: str) -> None:
    recognise(frame)
    lines = LineReader()
    for line in ("{" + frame, f"epoch 3/5 {frame}"):
        lines.read(lines.look(line))
    ultralytics.read_result(f"  all 1 1 {frame}")
