"""What can be a name, and how several are named at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.names import Name, RunName, listed, mended, told


@pytest.mark.parametrize("kind", [Name, RunName])
@pytest.mark.parametrize("name", [".", "..", "x\n", "\n", "a\nb", "/", "a/b", "\\", "x\0", "./1x", "../../1"])
def test_what_cannot_be_a_name_is_refused_in_words(kind: Any, name: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert({"name": name}, dict[str, kind])
    assert "one line, without slashes" in told(refused.value)
    assert "regex" not in told(refused.value)


@pytest.mark.parametrize("name", ["./1", "../2"])
def test_a_sweep_of_nothing_is_no_name(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(name, RunName)


@pytest.mark.parametrize("name", ["...", ".x", "..x", "x.", "a b", "정확도", "s/12", ".hidden/1"])
def test_names(name: str) -> None:
    assert msgspec.convert(name, RunName) == name


@given(st.sampled_from([".", "..", "./1", "../22", "x\n", ".\n", "a/1"]))
def test_names_of_before_are_mended(name: str) -> None:
    assert msgspec.convert(mended(name), RunName)
    assert mended("a.b/1") == "a.b/1"


NAMES = st.lists(st.text("ab, ()", min_size=1, max_size=6), unique=True, min_size=1, max_size=5)


@given(NAMES)
def test_a_name_of_its_own_is_taken_as_it_is(names: list[str]) -> None:
    assert listed(names, names) == names


@given(NAMES, st.lists(st.text("ab, ()", max_size=6), max_size=3))
def test_nothing_of_what_was_said_is_lost(known: list[str], texts: list[str]) -> None:
    for text in texts:
        assert set(text.split(",")) == {part for name in listed([text], known) for part in name.split(",")}


def test_the_longest_name_that_is_known_is_meant() -> None:
    known = ["P(acc, top5)", "P(acc", "loss", "a,b", "a"]
    assert listed(["loss,P(acc, top5),a"], known) == ["loss", "P(acc, top5)", "a"]
    assert listed(["a,b", "a"], known) == ["a,b", "a"]
    assert listed(["P(acc,loss"], known) == ["P(acc", "loss"]
    assert listed([], known) == []
