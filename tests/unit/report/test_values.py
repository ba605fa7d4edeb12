from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter import report
from gpurun_jupyter.core.events import Metric
from gpurun_jupyter.report import pipe, values
from gpurun_jupyter.report.checks import clean_name, number


def test_values_logged_together_are_one_metric(reader) -> None:
    report.log(step=3, loss=0.25, acc=1)
    report.log(lr=1e-4)
    assert reader.events() == [Metric(step=3, values={"loss": 0.25, "acc": 1}), Metric(values={"lr": 1e-4})]


@pytest.mark.parametrize(
    "value",
    [2, 2.0, Decimal(2), Fraction(4, 2), np.float32(2), np.int64(2), np.array(2.0), np.array([[2.0]])],
    ids=lambda value: type(value).__name__,
)
def test_numbers_of_any_kind(value: object) -> None:
    assert number(value, "x") == 2


@pytest.mark.parametrize("value", ["2", b"2", None, [2], {}, 2j, np.array([1, 2]), np.str_("2"), 10**400])
def test_what_is_no_number_is_refused_with_a_sentence(reader, value: object) -> None:
    with pytest.raises(TypeError, match=r"^loss must be one number, but is "):
        report.log(acc=1, loss=value)
    assert reader.events() == []


def test_values_that_are_not_finite_are_words(reader, capsys) -> None:
    report.log(step=1, loss=math.nan, acc=0.5)
    report.log(step=2, loss=math.inf, low=np.float32(-math.inf))
    assert reader.events() == [
        Metric(step=1, values={"loss": "NaN", "acc": 0.5}),
        Metric(step=2, values={"loss": "Infinity", "low": "-Infinity"}),
    ]
    assert capsys.readouterr().err == ""


def test_a_step_must_be_finite(reader) -> None:
    with pytest.raises(TypeError, match="step must be a finite number"):
        report.log(step=math.nan, loss=1)
    report.log(step=np.int64(4), loss=1)
    assert [event.step for event in reader.events()] == [4]


def test_many_values_are_written_in_several_lines(reader) -> None:
    many = {f"layer{n}/weight.norm": n / 7 for n in range(1000)}
    report.log(step=1, **many)
    events = reader.events()
    assert len(events) > 1
    assert {name: value for event in events for name, value in event.values.items()} == many
    assert {event.step for event in events} == {1}


@given(st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False), max_size=80))
def test_every_line_is_short_whatever_the_names(named: dict[str, float]) -> None:
    clean = {clean_name(name): value for name, value in named.items()}
    parts = list(values._in_lines(clean))
    assert {name: value for part in parts for name, value in part.items()} == clean
    for part in parts:
        assert len(pipe.encode({"kind": "metric", "step": 1.7976931348623157e308, "values": part})) < 4000


def test_outside_a_run_values_are_printed(monkeypatch, capsys) -> None:
    monkeypatch.delenv("GPURUN_REPORT", raising=False)
    report.log(step=3, loss=0.1, acc=0.9)
    report.log(loss=math.nan)
    assert capsys.readouterr().out == "step 3: loss=0.1 acc=0.9\nloss=nan\n"


def test_outside_a_run_a_closed_stdout_is_no_error(monkeypatch) -> None:
    monkeypatch.delenv("GPURUN_REPORT", raising=False)
    monkeypatch.setattr("sys.stdout", None)
    report.log(loss=1)
