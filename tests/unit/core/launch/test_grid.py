"""Combinations, and how values become arguments, variables and environment."""

from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.launch import grid
from gpurun_jupyter.core.run_checks import check_run
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.shipped import ShippedDir


def directory(values: dict, how: str | None = None) -> RunSpec:
    return RunSpec(dir=ShippedDir("0" * 64, "a.py"), values=values, values_as=how)  # type: ignore[arg-type]


def test_the_last_list_varies_first_and_what_is_no_list_is_in_each() -> None:
    found = grid.combinations({"lr": [0.1, 0.01], "seed": 7, "depth": [2, 4]})
    assert found == [
        {"lr": 0.1, "seed": 7, "depth": 2},
        {"lr": 0.1, "seed": 7, "depth": 4},
        {"lr": 0.01, "seed": 7, "depth": 2},
        {"lr": 0.01, "seed": 7, "depth": 4},
    ]


def test_no_values_are_one_run() -> None:
    assert grid.combinations({}) == [{}]
    assert not grid.is_sweep({"lr": 0.1})
    assert grid.is_sweep({"lr": [0.1]})


items = st.integers() | st.booleans() | st.text(max_size=3) | st.none()
axes = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), items | st.lists(items, min_size=1, max_size=4), max_size=4
)


@given(axes)
def test_every_combination_is_there_once_and_in_the_same_order(values: dict) -> None:
    found = grid.combinations(values)
    assert len(found) == grid.count(values)
    assert found == grid.combinations(dict(values))
    for one in found:
        assert list(one) == list(values)
        assert all(
            one[name] in value if isinstance(value, list) else one[name] == value for name, value in values.items()
        )
    places = [tuple(place for _, place in sorted(enumerate(map(repr, one.values())))) for one in found]
    distinct = all(len(set(map(repr, v))) == len(v) for v in values.values() if isinstance(v, list))
    assert not distinct or len(set(places)) == len(found)


@pytest.mark.parametrize(
    ("values", "words"),
    [({"a": []}, "nothing to run"), ({"a": list(range(40)), "b": list(range(40))}, "1,600 combinations")],
)
def test_refused_grids(values: dict, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        grid.combinations(values)


def test_a_huge_grid_is_refused_before_it_is_made() -> None:
    with pytest.raises(InvalidRequest):
        grid.combinations({f"a{n}": list(range(10)) for n in range(50)})


def test_arguments_as_argparse_reads_them() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float)
    parser.add_argument("--name")
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--fast", action="store_true")
    spec = directory({"lr": 0.1, "name": "a b", "amp": True, "fast": False, "absent": None})
    assert vars(parser.parse_args(grid.arguments([], spec))) == {"lr": 0.1, "name": "a b", "amp": True, "fast": False}


@pytest.mark.parametrize("value", [-0.5, -1e-05, float("-1e300"), -3, "-O2", "-", "- a", "-x=1"])
def test_values_that_begin_with_a_dash_are_no_options(value: float | str) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shift", type=type(value))
    parser.add_argument("-O")
    assert vars(parser.parse_args(grid.arguments([], directory({"shift": value})))) == {"shift": value, "O": None}


def test_a_name_in_braces_is_replaced_and_follows_no_more() -> None:
    spec = directory({"lr": 0.1, "model.depth": 2, "seed": 1})
    args = ["optimizer.lr={lr}", "{model.depth}", "{other}", '{"lr": 1}']
    assert grid.arguments(args, spec) == ["optimizer.lr=0.1", "2", "{other}", '{"lr": 1}', "--seed", "1"]


def test_values_as_environment() -> None:
    spec = directory({"lr": 0.1, "amp": True, "layers": [1, 2], "absent": None}, "env")
    spec.env = {"A": "1"}
    assert grid.environment(spec) == {"A": "1", "lr": "0.1", "amp": "true", "layers": "[1, 2]"}
    assert grid.arguments(["x"], spec) == ["x"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (directory({"a b": 1}), "an argument"),
        (directory({"a-b": 1}, "env"), "an environment variable"),
        (RunSpec(code="1", values={"class": 1}), "a variable"),
        (RunSpec(code="1", values={"x": 1}, values_as="args"), "as args"),
        (directory({"x": 1}, "variables"), "as args"),
    ],
)
def test_values_that_cannot_reach_the_run(spec: RunSpec, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        check_run(spec)
