"""Recordings of real trainings decode to what each training itself knew: tests/foreign/recordings/make.py made them."""

from __future__ import annotations

import gzip
import json
import statistics
from functools import cache
from pathlib import Path

import pytest

from gpurun_jupyter.core.events import Metric, Output, Progress
from gpurun_jupyter.progress.record import Record, decode, events
from gpurun_jupyter.progress.recordings import Piece, pieces

RECORDINGS = sorted((Path(__file__).parents[2] / "foreign" / "recordings").glob("*.cast.gz"))
#: The bar that counts an epoch's steps, and how many it counts, where that is not the training's own `steps`.
STEPS = {"hf_trainer": 120, "accelerate_loop": 120, "rich_track": 100}
#: How often a bar's last state stands in the text.
LOGGED = {"keras_fit": 5, "tqdm_epochs": 4, "ultralytics_yolo": 2 + 2 * 9}

each = pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name.split(".")[0])


def name(path: Path) -> str:
    return path.name.split(".")[0]


def truth(path: Path) -> dict:
    return json.loads(gzip.decompress(path.read_bytes()).splitlines()[0])["truth"]


@cache
def decoded(path: Path) -> Record:
    return decode(pieces(path.read_bytes()))


@cache
def moments(path: Path) -> list[tuple[float, float | None, float | None, bool]]:
    """At every move of a bar: the clock, the overall fraction and time left, whether the epochs are known by then."""
    record, found, known = Record(), [], False
    for event in events(pieces(path.read_bytes())):
        record.take(event)
        if isinstance(event, Progress):
            known = known or event.id == "epochs" or name(path) != "ultralytics_yolo"
            found.append((event.m, record.progress.fraction, record.progress.left_s, known))
    return found


def test_there_is_one_of_each_library() -> None:
    libraries = {truth(path)["library"].split(" ")[0] for path in RECORDINGS}
    assert libraries == {"tqdm", "keras", "lightning", "transformers", "ultralytics", "accelerate", "rich"}


@each
def test_final_metrics_are_those_of_the_training(path: Path) -> None:
    found = decoded(path).metrics
    assert {key: found.get(key) for key in truth(path)["metrics"]} == pytest.approx(truth(path)["metrics"], rel=2e-3)


@each
def test_bars_end_at_the_trainings_own_counts(path: Path) -> None:
    bars = decoded(path).bars.values()
    assert (STEPS.get(name(path)) or truth(path)["steps"]) in [bar.total for bar in bars if bar.done == bar.total]
    epochs = [bar for bar in bars if bar.label == "epochs"]
    assert [(bar.done, bar.total) for bar in epochs] == [(truth(path)["epochs"],) * 2] * (name(path) not in STEPS)
    assert decoded(path).progress.fraction == 1
    assert decoded(path).progress.left_s == 0


@each
def test_the_time_left_is_right_within_a_quarter(path: Path) -> None:
    begun, ended = moments(path)[0][0], moments(path)[-1][0]
    second_half = [(m, left_s) for m, _, left_s, _ in moments(path) if (begun + ended) / 2 <= m < ended - 0.2]
    errors = [abs((left_s or 0) - (ended - m)) / (ended - m) for m, left_s in second_half]
    assert len(errors) > 10
    assert statistics.median(errors) <= 0.25


@each
def test_overall_never_goes_back(path: Path) -> None:
    fractions = [fraction for _, fraction, _, known in moments(path) if known and fraction is not None]
    assert fractions == sorted(fractions)
    steps = (STEPS.get(name(path)) or truth(path)["steps"]) * (1 if name(path) in STEPS else truth(path)["epochs"])
    assert len(set(fractions)) > min(steps, 60) / 4


@each
def test_redraws_do_not_fill_the_log(path: Path) -> None:
    text = "".join(decoded(path).text)
    assert "\r" not in text
    assert "\b" not in text
    assert "\x1b[?25" not in text
    assert "\x1b[2K" not in text
    bars = [line for line in text.splitlines() if "%|" in line or "━━━━━━━━━━ " in line or "━━━━\x1b[0m" in line]
    assert len(bars) == LOGGED.get(name(path), 1)


@each
def test_how_a_recording_is_cut_makes_no_difference(path: Path) -> None:
    text = "".join(piece.text for piece in pieces(path.read_bytes()))
    cut = [Piece(None, text[start : start + 7]) for start in range(0, len(text), 7)]
    one, other = list(events([Piece(None, text)])), list(events(cut))
    assert joined(one) == joined(other)
    assert [event for event in one if isinstance(event, Metric)] == [e for e in other if isinstance(e, Metric)]
    assert {e.id: e for e in one if isinstance(e, Progress)} == {e.id: e for e in other if isinstance(e, Progress)}


def joined(found: list) -> str:
    return "".join(event.text for event in found if isinstance(event, Output))


def test_every_value_of_every_epoch_is_there() -> None:
    path = next(path for path in RECORDINGS if name(path) == "keras_fit")
    found = [event for event in events(pieces(path.read_bytes())) if isinstance(event, Metric)]
    assert [event.step for event in found if "val_loss" in event.values] == [30, 60, 90, 120, 150]


def test_a_message_that_a_live_display_wiped_is_kept() -> None:
    path = next(path for path in RECORDINGS if name(path) == "lightning_rich")
    assert "`Trainer.fit` stopped: `max_epochs=5` reached.\n" in "".join(decoded(path).text)
