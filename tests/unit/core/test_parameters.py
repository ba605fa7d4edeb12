"""Parameters of runs as text, and those of notebooks as code."""

from __future__ import annotations

import math
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpurun_jupyter.cli.verbs.notebooks import value_of
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.parameters import as_code, parameters_of, told
from gpurun_jupyter.core.runs import RunSpec, ShippedNotebook
from gpurun_jupyter.core.shipped import ShippedDir

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_in_python_a_value_is_what_it_was(value: Any) -> None:
    namespace: dict[str, Any] = {}
    exec(as_code({"x": value}, "python"), namespace)
    assert namespace["x"] == value


def test_nan_in_python() -> None:
    namespace: dict[str, Any] = {}
    exec(as_code({"x": [math.nan]}, "Python"), namespace)
    assert math.isnan(namespace["x"][0])


@settings(deadline=None, max_examples=20)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20))
def test_in_bash_text_is_what_it_was(text: str) -> None:
    script = as_code({"x": text}, "bash") + '\nprintf "%s" "$x"'
    assert subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout.decode() == text


def test_other_languages_are_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidRequest, match="in python and bash, and this notebook is in julia"):
        as_code({"x": 1}, "julia")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("1e-3", 0.001),
        ("7", 7),
        ("true", True),
        ("True", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ("['a']", ["a"]),
        ('{"a": 1}', {"a": 1}),
        ("adam", "adam"),
        ("1,2", "1,2"),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_parameters_on_a_command_line_are_read_as_meant(text: str, value: Any) -> None:
    assert value_of(text) == value


DIGEST = "0" * 64
NAMES = st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def of_arguments(*args: str) -> dict[str, str]:
    return parameters_of(RunSpec(dir=ShippedDir(DIGEST, "train.py", list(args))))


def test_the_values_of_a_sweep_are_parameters() -> None:
    spec = RunSpec(dir=ShippedDir(DIGEST, "train.py", ["--lr", "1", "--epochs", "3"]), values={"lr": 0.1, "amp": True})
    assert parameters_of(spec) == {"lr": "0.1", "epochs": "3", "amp": "true"}


def test_a_cell_has_the_parameters_of_its_environment() -> None:
    assert parameters_of(RunSpec(code="1", env={"SEED": "3"})) == {"SEED": "3"}
    assert parameters_of(RunSpec(code="1")) == {}


def test_a_notebook_has_its_own_and_they_count_before_the_environment() -> None:
    parameters = {"lr": 0.1, "deep": True, "name": "a b", "sizes": [1, 2], "none": None, "umlaut": ["ü"]}
    notebook = ShippedNotebook(DIGEST, parameters=parameters)
    found = parameters_of(RunSpec(notebook=notebook, env={"lr": "9", "SEED": "1"}))
    assert found == {
        "lr": "0.1",
        "deep": "true",
        "name": "a b",
        "sizes": "[1, 2]",
        "none": "null",
        "umlaut": '["ü"]',
        "SEED": "1",
    }


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (["--lr", "0.1", "--epochs=3"], {"lr": "0.1", "epochs": "3"}),
        (["data.csv", "--lr", "0.1", "out"], {"lr": "0.1"}),
        (["--amp", "--lr", "1e-3", "--resume"], {"amp": "true", "lr": "1e-3", "resume": "true"}),
        (["--shift", "-1", "--low", "-.5", "--verbose", "-q"], {"shift": "-1", "low": "-.5", "verbose": "true"}),
        (["--lr=1", "--lr=2"], {"lr": "2"}),
        (["--equation=a=b", "--empty="], {"equation": "a=b", "empty": ""}),
        (["--x", "1", "--", "--y", "2"], {"x": "1"}),
        (["-v", "1", "--=2", "--"], {}),
    ],
)
def test_arguments(args: list[str], found: dict[str, str]) -> None:
    assert of_arguments(*args) == found


@given(st.dictionaries(NAMES, TEXTS))
def test_what_is_assigned_is_found_as_it_was(values: dict[str, str]) -> None:
    assert of_arguments(*(f"--{name}={value}" for name, value in values.items())) == values


@given(st.dictionaries(NAMES, TEXTS.filter(lambda text: not text.startswith("-"))), st.lists(NAMES))
def test_so_is_what_follows_its_name(values: dict[str, str], others: list[str]) -> None:
    pairs = [part for name, value in values.items() for part in (f"--{name}", value)]
    assert of_arguments(*others, *pairs) == values


@given(st.lists(TEXTS))
def test_any_arguments_are_taken(args: list[str]) -> None:
    assert all(isinstance(value, str) for value in of_arguments(*args).values())


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["digits"], "digits"),
        (["digits", "--lr", "0.1", "two words"], "digits 'two words'"),
        (["--lr=0.1", "x", "--flag"], "x"),
        (["--flag", "--lr", "-1", "-n", "3"], "-n 3"),
        (["--shift", "-1e-5", "--", "--x", "1"], "-- --x 1"),
        (["--lr", "0.1"], None),
        ([], None),
    ],
)
def test_arguments_without_a_name_are_told_in_one_line(args: list[str], said: str | None) -> None:
    spec = RunSpec(dir=ShippedDir("0" * 64, "t.py", args))
    assert told(spec).get("arguments") == said
    assert {name: text for name, text in told(spec).items() if name != "arguments"} == parameters_of(spec)


def test_a_parameter_of_that_name_stays() -> None:
    assert told(RunSpec(dir=ShippedDir("0" * 64, "t.py", ["a", "--arguments", "b"]))) == {"arguments": "b"}
