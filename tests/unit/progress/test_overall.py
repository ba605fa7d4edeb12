"""The whole run's fraction and time left, from bars that move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.events import Progress
from gpurun_jupyter.core.runs import RunProgress
from gpurun_jupyter.progress.bars.overall import MAX_BARS, with_bar


def bar(name: str, done: float, total: float | None, parent: str | None = None, **more) -> Progress:
    return Progress(id=name, done=done, total=total, parent=parent, **more)


def after(*events: Progress) -> RunProgress:
    progress = RunProgress()
    for event in events:
        progress = with_bar(progress, event)
    return progress


def fractions(*events: Progress) -> list[float | None]:
    return [after(*events[: count + 1]).fraction for count in range(len(events))]


def test_an_inner_bar_counts_for_its_part() -> None:
    epochs = [bar("b1", 0, 4), bar("b2", 5, 10, "b1"), bar("b2", 10, 10, "b1"), bar("b1", 1, 4), bar("b2", 0, 10, "b1")]
    assert fractions(*epochs, bar("b2", 5, 10, "b1")) == [0, 0.125, 0.25, 0.25, 0.25, 0.375]


def test_a_validation_inside_does_not_set_it_back() -> None:
    events = [bar("b1", 1, 4), bar("b2", 9, 10, "b1", label="train"), bar("b3", 1, 10, "b1", label="valid")]
    assert fractions(*events) == [0.25, 0.475, 0.475]


def test_a_validation_beside_the_epochs_does_not_lead() -> None:
    events = [bar("epochs", 1, 4), bar("b1", 5, 10, "epochs"), bar("b2", 1, 10, label="val")]
    assert fractions(*events) == [0.25, 0.375, 0.375]
    assert fractions(bar("epochs", 4, 4), bar("b2", 1, 10, label="val")) == [1, 1]


def test_the_next_bar_leads_when_the_first_is_through() -> None:
    assert fractions(bar("b1", 3, 3, label="download"), bar("b2", 1, 10)) == [1, 0.1]
    assert fractions(bar("b1", 2, 3), bar("b2", 1, 10)) == [2 / 3, 2 / 3]


def test_without_a_known_number_of_epochs_there_is_no_fraction() -> None:
    assert fractions(bar("epochs", 1, None), bar("b1", 5, 10, "epochs")) == [None, None]


def test_the_time_left_is_by_the_clock() -> None:
    progress = after(bar("b1", 0, 100, m=10.0), bar("b1", 25, 100, m=20.0, left_s=99.0))
    assert progress.left_s == 30
    resumed = after(bar("b1", 50, 100, m=10.0), bar("b1", 75, 100, m=20.0))
    assert resumed.left_s == 10


def test_a_bar_that_begins_anew_is_measured_anew() -> None:
    progress = after(bar("b1", 0, 10, m=0.0), bar("b1", 10, 10, m=100.0), bar("b1", 0, 10, m=100.0))
    assert progress.fraction == 0
    assert with_bar(progress, bar("b1", 5, 10, m=101.0)).left_s == 1


def test_without_a_clock_it_is_by_what_the_bars_say() -> None:
    assert after(bar("b1", 25, 100, left_s=9.0)).left_s == 9
    assert after(bar("b1", 25, 100, rate=5.0)).left_s == 15
    inner = [bar("epochs", 1, 4), bar("b1", 5, 10, "epochs", rate=2.0)]
    assert after(*inner).left_s == 12.5
    assert after(*inner, bar("epochs", 2, 4)).left_s == 10
    assert after(bar("b1", 10, 10)).left_s == 0


def test_old_bars_go_but_not_the_leading_one() -> None:
    progress = after(*(bar(f"b{number}", 0, 10) for number in range(30)))
    assert len(progress.bars) == MAX_BARS
    assert progress.bars[0].id == "b0"


moves = st.builds(
    bar,
    st.sampled_from(["epochs", "b1", "b2", "b3"]),
    st.floats(0, 20),
    st.sampled_from([None, 1, 10, 20]),
    st.sampled_from([None, "epochs", "b1", "b2", "b3", "gone"]),
    label=st.sampled_from(["", "epochs", "val", "sanity", "train"]),
    rate=st.sampled_from([None, 0.0, 2.0]),
    left_s=st.sampled_from([None, 3.0]),
    m=st.floats(0, 1000),
)


@given(st.lists(moves, max_size=20))
def test_whatever_moves_it_is_a_fraction_and_a_time(events: list[Progress]) -> None:
    progress = after(*events)
    assert progress.fraction is None or 0 <= progress.fraction <= 1
    assert progress.left_s is None or progress.left_s >= 0
    assert len(progress.bars) <= MAX_BARS


@given(st.integers(1, 6), st.integers(1, 9), st.floats(0.1, 10))
def test_even_epochs_are_foreseen_exactly(epochs: int, steps: int, step_s: float) -> None:
    progress = with_bar(RunProgress(), bar("epochs", 0, epochs))
    before = -1.0
    for step in range(epochs * steps + 1):
        epoch, inner = divmod(step, steps)
        progress = with_bar(progress, bar("b1", inner, steps, "epochs", m=step * step_s))
        progress = with_bar(progress, bar("epochs", epoch, epochs, m=step * step_s))
        assert progress.fraction is not None
        assert progress.fraction >= before
        before = progress.fraction
        if step == epochs * steps // 2 > 0:
            assert progress.left_s is not None
            exact = (epochs * steps - step) * step_s
            assert progress.left_s == pytest.approx(exact, rel=0.35, abs=steps * step_s)
    assert progress.fraction == 1
