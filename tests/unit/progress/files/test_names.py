from __future__ import annotations

from pathlib import PurePosixPath

from gpurun_jupyter.progress.readers.files.names import Names

TB, CSV = "files/tensorboard", "files/csv"


def path(text: str) -> PurePosixPath:
    return PurePosixPath(text)


def test_the_first_file_has_the_name_and_others_of_its_folder_go_on_with_it() -> None:
    names = Names()
    assert names.called("loss", TB, path("runs/a/events.1")) == "loss"
    assert names.called("loss", TB, path("runs/a/events.2")) == "loss"


def test_another_folder_is_told_apart() -> None:
    names = Names()
    assert names.called("loss", TB, path("logs/train/events.1")) == "loss"
    assert names.called("loss", TB, path("logs/validation/events.1")) == "validation/loss"
    assert names.called("loss", TB, path("logs/validation/events.2")) == "validation/loss"
    assert names.called("loss", TB, path("other/validation/events.1")) == "other/validation/loss"
    assert names.called("acc", TB, path("logs/validation/events.1")) == "acc"


def test_the_same_by_another_logger_and_of_another_rank_is_said_already() -> None:
    names = Names()
    assert names.called("loss", TB, path("logs/events.1")) == "loss"
    assert names.called("loss", CSV, path("logs/metrics.csv")) is None
    assert names.called("loss", TB, path("logs/rank_1/events.1")) is None
    assert names.called("gap", TB, path("logs/rank_1/events.1")) == "gap"


def test_runs_in_one_file() -> None:
    names = Names()
    assert names.called("loss", TB, path("inbox/a.jsonl"), "first") == "loss"
    assert names.called("loss", TB, path("inbox/a.jsonl"), "second") == "second/loss"
