from __future__ import annotations

import pytest

from gpurun_jupyter import report
from gpurun_jupyter.report import bars


class Clock:
    """time.monotonic that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(bars, "time", clock)
    monkeypatch.setattr(bars, "_bars", {})
    return clock


def states(reader) -> list[tuple]:
    return [(event.id, event.label, event.done, event.total) for event in reader.events()]


def test_a_loop_says_its_first_and_its_last_state(reader) -> None:
    assert list(report.track("abc", "letters")) == ["a", "b", "c"]
    assert states(reader) == [("r1:letters", "letters", 0, 3), ("r1:letters", "letters", 3, 3)]


def test_at_most_twenty_states_a_second(reader, clock) -> None:
    for _ in report.track(range(1000)):
        clock.now += 0.01
    events = reader.events()
    assert 180 < len(events) < 205
    assert events[-1].done == 1000
    assert events[100].rate == pytest.approx(100)
    assert events[100].left_s == pytest.approx((1000 - events[100].done) / 100)


def test_a_loop_that_is_left_says_where(reader) -> None:
    for item in report.track(range(10), "search"):
        if item == 4:
            break
    assert states(reader)[-1] == ("r1:search", "search", 4, 10)


def test_a_loop_that_raises_says_where(reader) -> None:
    def items():
        yield 1
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        list(report.track(items(), total=5))
    assert states(reader)[-1] == ("r1:", "", 1, 5)


def test_loops_without_a_length(reader) -> None:
    list(report.track(iter("ab"), "stream"))
    assert states(reader) == [("r1:stream", "stream", 0, None), ("r1:stream", "stream", 2, None)]


def test_an_empty_loop_has_no_total_to_divide_by(reader) -> None:
    list(report.track([], "nothing"))
    assert {event.total for event in reader.events()} == {None}


def test_inner_loops_know_the_outer_and_stay_one_bar(reader) -> None:
    for epoch in report.track(range(2), "epochs"):
        list(report.track("ab", f"epoch {epoch}"))
        report.progress(1, 1, "validation")
    events = reader.events()
    assert {event.id: event.parent for event in events} == {
        "r1:epochs": None,
        "r2:epoch #": "r1:epochs",
        "r2:validation": "r1:epochs",
    }
    assert [event.label for event in events if event.id == "r2:epoch #"] == ["epoch 0"] * 2 + ["epoch 1"] * 2


def test_progress_says_the_first_and_the_end(reader) -> None:
    for done in range(11):
        report.progress(done, 10, "epoch")
    assert states(reader) == [("r1:epoch", "epoch", 0, 10), ("r1:epoch", "epoch", 10, 10)]


@pytest.mark.parametrize("arguments", [("a",), (1, "b"), (float("nan"),), (1, float("inf"))])
def test_progress_takes_finite_numbers(arguments: tuple) -> None:
    with pytest.raises(TypeError, match="must be"):
        report.progress(*arguments)


def test_outside_a_run_a_line_now_and_then(monkeypatch, capsys, clock) -> None:
    monkeypatch.delenv("GPURUN_REPORT", raising=False)
    for _ in report.track(range(30), "training"):
        clock.now += 0.125
    report.progress(1)
    assert capsys.readouterr().err.splitlines() == [
        "training: 0/30",
        "training: 16/30, 8/s, 2 s left",
        "training: 30/30, 8/s",
        "1",
    ]
