"""Who is believed where several say the same metric, and readers that are switched off."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gpurun_jupyter.core.events import Metric, Output, Progress
from gpurun_jupyter.progress.decoder import Decoder
from gpurun_jupyter.progress.readers.budget import Budget
from gpurun_jupyter.progress.sources import Sources


def told(*events: Metric, readers: str = "") -> list[dict]:
    sources = Sources(readers)
    admitted = [sources.admit(event) for event in events]
    return [event.values for event in admitted if isinstance(event, Metric)]


def metric(by: str, **values: float) -> Metric:
    return Metric(values={**values}, by=by)


def test_the_run_itself_is_believed_over_files_over_bars_over_lines() -> None:
    order = ["lines/prose", "bars/tqdm", "files/tensorboard", "mlflow", ""]
    for less, more in pairwise(order):
        assert told(metric(more, loss=1), metric(less, loss=2, acc=3)) == [{"loss": 1}, {"acc": 3}]
        assert told(metric(less, loss=1), metric(more, loss=2), metric(less, loss=3)) == [{"loss": 1}, {"loss": 2}]


def test_one_metric_goes_on_under_the_name_it_began_with() -> None:
    first, then = Metric(values={"Val Loss": 1}, by="lines/prose"), metric("files/csv", val_loss=2)
    assert told(first, then, then) == [{"Val Loss": 1}, {"Val Loss": 2}, {"Val Loss": 2}]
    assert told(first, metric("", val_loss=2)) == [{"Val Loss": 1}, {"val_loss": 2}]  # what the run says stays as it is


def test_a_better_source_begins_a_metric_anew() -> None:
    """Its steps may be of another kind: a line says epochs, a file says steps."""
    sources = Sources()
    events = [
        Metric(values={"Loss": 1, "acc": 1}, step=1, by="lines/prose"),
        Metric(values={"loss": 2}, step=40, by="files/tensorboard"),
        Metric(values={"loss": 3}, step=80, by="files/tensorboard"),
        Metric(values={"loss": 4}, step=2, by="lines/prose"),
        Metric(values={"loss": 5, "acc": 2}, step=3),
    ]
    admitted = [sources.admit(event) for event in events]
    assert [event and (event.values, event.anew) for event in admitted] == [
        ({"Loss": 1, "acc": 1}, []),
        ({"Loss": 2}, ["Loss"]),
        ({"Loss": 3}, []),
        None,
        ({"loss": 5, "acc": 2}, ["Loss", "acc"]),
    ]


def test_two_metrics_of_one_source_are_two() -> None:
    assert told(Metric(values={"a.b": 1, "a_b": 2}, by="files/tensorboard")) == [{"a.b": 1, "a_b": 2}]


@pytest.mark.parametrize(
    ("readers", "left"),
    [
        ("", ["lines/prose", "bars/tqdm", ""]),
        ("all", ["lines/prose", "bars/tqdm", ""]),
        ("none", [""]),
        ("-lines", ["bars/tqdm", ""]),
        ("lines", ["lines/prose", ""]),
        ("-prose, -tqdm", [""]),
        ("bars -tqdm", [""]),
    ],
)
def test_readers_that_are_switched_off(readers: str, left: list[str]) -> None:
    sources = Sources(readers)
    events = [Progress(id=by, by=by) for by in ("lines/prose", "bars/tqdm", "")]
    assert [event.by for event in events if sources.admit(event)] == left


class Clock:
    """Goes on by `tick` seconds whenever it is looked at."""

    def __init__(self, tick: float) -> None:
        self.now, self.tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def read(decoder: Decoder, lines: list[str]) -> list[dict]:
    events = [event for line in lines for event in decoder.feed(f"{line}\n", "stdout")]
    return [event.values for event in [*events, *decoder.idle()] if isinstance(event, Metric)]


def test_many_lines_are_read_some_times_a_second_and_the_last() -> None:
    clock = Clock(0)
    decoder, seen = Decoder(Budget(clock=clock)), []
    for step in range(1000):
        clock.now += 0.001
        seen += [
            event for event in decoder.feed(f"step {step}/1000 loss={step}\n", "stdout") if isinstance(event, Metric)
        ]
    last = [event.values["loss"] for event in decoder.idle() if isinstance(event, Metric)]
    assert 15 <= len(seen) <= 21
    assert last == [999]


def test_a_line_that_comes_seldom_is_read_among_many() -> None:
    lines = [f"step {step}/1000 loss={step}" for step in range(1000)]
    lines.insert(508, "step 507/1000 val_loss=0.5")
    assert {"val_loss": 0.5} in read(Decoder(Budget(clock=Clock(0))), lines)


def test_when_the_time_is_used_up_lines_are_passed_over_but_not_the_last() -> None:
    lines = [f"step {step}/1000 loss={step}" for step in range(1000)]
    found = read(Decoder(Budget(clock=Clock(0.001))), lines)  # reading takes milliseconds
    assert 5 < len(found) < 200
    assert found[-1] == {"loss": 999}


def test_no_text_is_lost_in_a_burst() -> None:
    decoder = Decoder(Budget(clock=Clock(0.001)))
    text = "".join(
        event.text for step in range(500) for event in decoder.feed(f"{step}\n", "stdout") if isinstance(event, Output)
    )
    assert text == "".join(f"{step}\n" for step in range(500))
