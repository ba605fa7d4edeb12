"""Which file is whose, and the readers of whole files."""

from __future__ import annotations

import json
from pathlib import PurePath

import pytest
from logged_files import fed, names_before

from gpurun_jupyter.progress.readers.files.formats import States, reader_for
from gpurun_jupyter.progress.readers.files.found import Found, Parameters, Points
from gpurun_jupyter.progress.readers.files.parameters import ParameterFile
from gpurun_jupyter.progress.readers.files.trackio import Trackio


@pytest.mark.parametrize(
    ("path", "beginning", "by"),
    [
        ("logs/events.out.tfevents.1764489600.anna.1.0", "", "files/tensorboard"),
        ("logs/events.out.tfevents.1.anna.1.0.v2", "", "files/tensorboard"),
        ("wandb/offline-run-1/run-1.wandb", "", "files/wandb"),
        ("wandb/offline-run-1/run-1.wandb", ":W&B", "files/wandb"),
        ("wandb/offline-run-1/run-1.wandb", "other", None),
        ("metrics.csv", "epoch,step,loss\n0,1,2\n", "files/table"),
        ("metrics.csv", "epoch,st", "files/table"),
        ("any.tsv", "step\tloss\n", "files/table"),
        ("flowers.csv", "length,width\n1,2\n", None),
        ("out/checkpoint-60/trainer_state.json", "{", "files/trainer_state"),
        ("trackio/inbox/ab12/00000000.jsonl", '{"v":1,"kind":"metric"', "files/trackio"),
        ("trackio/inbox/ab12/00000000.jsonl", '{"other":1}', None),
        ("trackio/ab12/00000000.jsonl", '{"v":1,"kind":"metric"', None),
        ("lightning_logs/version_0/hparams.yaml", "", "files/parameters"),
        ("runs/detect/train/args.yaml", "task: detect", "files/parameters"),
        ("outputs/.hydra/config.yaml", "", "files/parameters"),
        ("config.yaml", "a: 1", None),
        ("config.json", "{}", None),
        ("args.json", "{}", None),
        ("train.py", "import torch", None),
        ("Makefile", "", None),
    ],
)
def test_who_reads_a_file(path: str, beginning: str, by: str | None) -> None:
    reader = reader_for(PurePath(path), beginning.encode())
    assert (reader.by if reader else None) == by


def state(*entries: dict[str, object]) -> bytes:
    return json.dumps({"epoch": 1.0, "log_history": entries}).encode()


def test_states_of_checkpoints_tell_nothing_twice() -> None:
    first, second = {"loss": 2.0, "epoch": 0.5, "step": 10}, {"loss": float("nan"), "epoch": 1.0, "step": 20}
    last = {"train_loss": 1.5, "train_runtime": 3.0, "train_steps_per_second": 9.0, "total_flos": 1e9, "step": 20}
    states: States = {}
    paths = ["out/checkpoint-10/trainer_state.json", "out/checkpoint-20/trainer_state.json", "out/trainer_state.json"]
    readers = [reader_for(PurePath(path), b"{", states) for path in paths]
    other = reader_for(PurePath("fold2/trainer_state.json"), b"{", states)
    files = [state(first), state(first, second), state(first, second, last)]
    found = [one for reader, data in zip(readers, files, strict=True) if reader for one in reader.read(data)]
    nan = Points({"loss": float("nan"), "epoch": 1.0}, 20.0)
    assert repr(found) == repr([Points({"loss": 2.0, "epoch": 0.5}, 10.0), nan, Points({"train_loss": 1.5}, 20.0)])
    assert other is not None
    assert other.read(files[0]) == found[:1]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"log_history": {}}', b'{"log_history": [1, {"loss": "x"}]}'])
def test_a_state_that_is_being_written_is_read_later(data: bytes) -> None:
    reader = reader_for(PurePath("trainer_state.json"), b"{")
    assert reader is not None
    assert reader.read(data) == []
    assert reader.read(state({"loss": 2.0, "step": 1})) == [Points({"loss": 2.0}, 1.0)]


def told(text: str, separator: str = "/") -> list[Found]:
    return fed(ParameterFile(separator), text.encode())


def test_nested_parameters() -> None:
    text = "model:\n  _target_: torch.nn.Linear\n  layers: [64, 32]\nlr: 1e-3\nseed: null\nfast: true\n"
    values = {"model._target_": "torch.nn.Linear", "model.layers": "[64, 32]", "lr": 0.001, "fast": True}
    assert told(text, ".") == [Parameters(values)]


def test_objects_of_python_are_passed_over() -> None:
    text = "a: !!python/object/apply:os.system ['echo']\nb: !!python/tuple [1]\nc: !!python/name:os.path ''\nd: 1\n"
    assert told(text) == [Parameters({"d": 1})]


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [", "a: &x\n  b: *x\n", "\x00", "a: 99" + "9" * 5000])
def test_what_sets_nothing(text: str) -> None:
    assert told(text) == []


def test_parameters_are_told_again_when_they_change() -> None:
    reader = ParameterFile("/")
    found = [reader.read(data) for data in (b"a: 1\n", b"a: 1\n", b"a: 2\n")]
    assert found == [[Parameters({"a": 1})], [], [Parameters({"a": 2})]]


def test_rows_of_trackio() -> None:
    rows = [
        {"v": 1, "kind": "metric", "run": "a", "metrics": {"loss": "NaN", "note": "x"}, "step": None, "config": None},
        {"v": 1, "kind": "system_metric", "run": "a", "metrics": {"gpu": 1}, "step": 1},
        {"v": 2, "kind": "metric", "run": "a", "metrics": {"loss": 1}, "step": 1},
        {"v": 1, "kind": "metric", "metrics": {"loss": 2}, "step": 3, "config": {"lr": 0.1, "_Group": "x"}},
    ]
    data = b"no json\n" + b"\n".join(json.dumps(row).encode() for row in rows)
    found = [Points({"loss": float("nan")}, None, "a"), Parameters({"lr": 0.1}), Points({"loss": 2.0}, 3.0)]
    assert repr(fed(Trackio(), data)) == repr(found)


@pytest.mark.parametrize(
    ("paths", "before"),
    [
        (["logs/a", "logs/b"], ["", ""]),
        (["logs/train/a", "logs/validation/b"], ["train/", "validation/"]),
        (["logs/a", "logs/tuned/b", "logs/tuned/fold/c"], ["", "tuned/", "tuned/fold/"]),
        (["a"], [""]),
    ],
)
def test_folders_before_names(paths: list[str], before: list[str]) -> None:
    assert list(names_before([PurePath(path) for path in paths]).values()) == before
