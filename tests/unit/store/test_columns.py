"""Metrics and samples in columns: the same as in the log, however the file beside it came about."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.events import DeviceSample, Event, Metric, Output, Sample, encode_line
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_server.store.folders import columns
from gpurun_server.store.folders.columns import measured, thinned


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    folder = Home(tmp_path).attempt("k3f9x2ab", 1)
    folder.path.mkdir(parents=True)
    return folder


def log(folder: AttemptFolder, *events: Event) -> None:
    with folder.events.open("ab") as file:
        file.writelines(encode_line(event) for event in events)


def losses(folder: AttemptFolder) -> list[float]:
    return measured(folder).metrics["loss"].value.tolist()


def test_columns_have_what_the_log_has(folder: AttemptFolder) -> None:
    log(
        folder,
        Metric(m=1.0, step=1, values={"loss": 0.5, "epoch": 0.25}),
        Output(stream="stdout", text="not a number"),
        Metric(m=2.0, values={"loss": 0.25}),
        Sample(m=2.5, devices=[DeviceSample(id="GPU-1", label="gpu0", util=87.0, mem=4096)], rss=1000),
    )
    found = measured(folder)
    loss = found.metrics["loss"]
    assert (loss.value.tolist(), loss.time.tolist()) == ([0.5, 0.25], [1.0, 2.0])
    assert loss.step[0] == 1
    assert loss.epoch[0] == 0.25
    assert math.isnan(loss.step[1])
    assert math.isnan(loss.epoch[1])
    assert {name: one.value.tolist() for name, one in found.samples.items()} == {
        "util gpu0": [87.0],
        "mem gpu0": [4096.0],
        "rss": [1000.0],
    }


def test_what_was_read_once_is_not_read_from_the_log_again(folder: AttemptFolder) -> None:
    log(folder, Metric(values={"loss": 1.0}))
    assert losses(folder) == [1.0]
    size = folder.events.stat().st_size
    with folder.events.open("r+b") as file:
        file.write(b"x" * (size - 1))  # nobody looks here any more
    log(folder, Metric(values={"loss": 2.0}))
    assert losses(folder) == [1.0, 2.0]


def test_a_metric_that_begins_anew_has_nothing_of_before(folder: AttemptFolder) -> None:
    log(folder, Metric(values={"loss": 9.0}, step=1), Metric(values={"Acc": 1.0}))
    assert losses(folder) == [9.0]  # a block of its own
    log(folder, Metric(values={"loss": 8.0}), Metric(values={"loss": 1.0, "acc": 2.0}, step=40, anew=["loss", "Acc"]))
    log(folder, Metric(values={"loss": 2.0}, step=80))
    for _ in range(2):  # read from the log, then from the file
        found = measured(folder)
        assert found.metrics.keys() == {"loss", "acc"}
        assert ([*found.metrics["loss"].step], losses(folder)) == ([40, 80], [1.0, 2.0])


def test_many_small_pieces_become_one(folder: AttemptFolder) -> None:
    for number in range(200):
        log(folder, Metric(values={"loss": float(number)}))
        assert losses(folder) == [float(n) for n in range(number + 1)]
    alone = folder.columns.stat().st_size
    folder.columns.unlink()
    assert losses(folder) == [float(n) for n in range(200)]
    assert alone < 4 * folder.columns.stat().st_size


@pytest.mark.parametrize("damage", [b"", b"\x05", b"\x05\0\0\0\0\0\0\0abcde", b"\xff" * 40])
def test_a_damaged_file_is_made_anew(folder: AttemptFolder, damage: bytes) -> None:
    log(folder, Metric(values={"loss": 1.0}))
    assert losses(folder) == [1.0]
    with folder.columns.open("ab") as file:
        file.write(damage)
    log(folder, Metric(values={"loss": 2.0}))
    assert losses(folder) == [1.0, 2.0]
    assert losses(folder) == [1.0, 2.0]


def test_two_servers_that_read_at_the_same_time_do_not_double_values(folder: AttemptFolder) -> None:
    log(folder, Metric(values={"loss": 1.0}))
    measured(folder)
    folder.columns.write_bytes(2 * folder.columns.read_bytes())
    assert losses(folder) == [1.0]


def test_a_file_of_another_log_is_not_believed(folder: AttemptFolder) -> None:
    log(folder, Metric(values={"loss": 1.0}), Metric(values={"loss": 2.0}))
    measured(folder)
    folder.events.unlink()
    log(folder, Metric(values={"loss": 3.0}))
    assert losses(folder) == [3.0]


def test_a_folder_that_cannot_be_written_is_read_all_the_same(
    folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(columns, "_append", full)
    log(folder, Metric(values={"loss": 1.0}))
    assert losses(folder) == [1.0]
    assert not folder.columns.exists()


def test_without_a_log_nothing_was_measured(tmp_path: Path) -> None:
    assert measured(Home(tmp_path).attempt("k3f9x2ab", 1)).metrics == {}


@given(st.lists(st.floats(-1e9, 1e9), max_size=300), st.integers(2, 100))
def test_thinned_out_the_ends_and_extremes_are_there(values: list[float], most: int) -> None:
    places = list(thinned(array("d", values), most))
    assert len(places) <= most or len(places) == len(values) <= most
    assert places == sorted(set(places))
    if values:
        assert (places[0], places[-1]) == (0, len(values) - 1)
    if len(values) > most >= 4:
        kept = [values[place] for place in places]
        assert (min(kept), max(kept)) == (min(values), max(values))


@given(
    st.lists(st.floats(-1e9, 1e9) | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=300), st.integers(2, 100)
)
def test_thinned_out_the_place_where_a_curve_breaks_is_there(values: list[float], most: int) -> None:
    places = list(thinned(array("d", values), most))
    assert len(places) <= most or len(places) == len(values) <= most
    assert places == sorted(set(places))
    broken = [place for place, value in enumerate(values) if not math.isfinite(value)]
    if broken and (most >= 5 or broken[0] == 0):
        assert broken[0] in places
    finite = [value for value in values if math.isfinite(value)]
    if broken and finite and len(values) > most >= 5:
        kept = [values[place] for place in places if math.isfinite(values[place])]
        assert (min(kept), max(kept)) == (min(finite), max(finite))


def test_values_that_are_not_finite_are_in_the_columns(folder: AttemptFolder) -> None:
    log(folder, Metric(values={"loss": 1.0}), Metric(values={"loss": "NaN", "epoch": "Infinity"}))
    assert str(losses(folder)) == "[1.0, nan]"
    assert str(losses(folder)) == "[1.0, nan]"


def test_few_values_are_not_thinned_out() -> None:
    assert list(thinned(array("d", [1, 2, 3]), 3)) == [0, 1, 2]
    assert list(thinned(array("d", [1, 2, 3]), None)) == [0, 1, 2]
