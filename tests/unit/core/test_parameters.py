"""Parameters of notebooks as code."""

from __future__ import annotations

import math
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpurun_jupyter.cli.notebooks import value_of
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.parameters import as_code

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
