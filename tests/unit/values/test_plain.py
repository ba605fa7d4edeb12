"""Plain Python values through files and back, and what is refused."""

from __future__ import annotations

import collections
import datetime as dt
import hashlib
import json
import math
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from values_trip import same, there_and_back

from gpurun_jupyter.values import files
from gpurun_jupyter.values.refusals import Budget, Refused

HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.complex_numbers()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(dt.timezone.utc))
    | st.timedeltas(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
VALUES = st.recursive(
    HASHABLE | st.sets(HASHABLE, max_size=3) | st.binary().map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.dictionaries(st.just("$gpurun"), inner)
        | st.lists(st.tuples(st.text(), inner), max_size=3).map(collections.OrderedDict)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(VALUES)
def test_what_comes_back_is_what_was_sent(value: Any) -> None:
    assert same(there_and_back(value), value)


EDGES = [10**5000, -(10**5000), b"x" * 5000, bytearray(5000), "\ud800", -0.0, [[], {}, ()]]


@pytest.mark.parametrize("value", EDGES, ids=range(len(EDGES)))
def test_edges(value: Any) -> None:
    back = there_and_back(value)
    assert same(back, value)
    assert not isinstance(value, float) or math.copysign(1, back) == math.copysign(1, value)


def test_plain_data_is_plain_json(tmp_path: Path) -> None:
    files.write(tmp_path / "x", "x", {"lr": 0.1, "steps": [1, 2], "name": None}, Budget(1000))
    assert json.loads((tmp_path / "x").read_text()) == {"lr": 0.1, "steps": [1, 2], "name": None}


class Net:
    """Something that only pickle takes."""

    def load_state_dict(self) -> None: ...


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (print, ("'x'", "builtin_function_or_method", "--pickle")),
        ({"a": [1, object()]}, ("x['a'][1]", "object", "--pickle")),
        (Net(), ("Net", "state_dict()", "--pickle")),
        (collections.Counter("ab"), ("Counter", "--pickle")),
        (time.gmtime(), ("struct_time", "--pickle")),
    ],
)
def test_what_no_safe_format_takes_is_refused_in_a_sentence(tmp_path: Path, value: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as refused:
        files.write(tmp_path / "x", "x", value, Budget(1000))
    assert all(word in str(refused.value) for word in words), refused.value
    assert not (tmp_path / "x").exists()


def test_what_holds_itself_or_is_too_deep_is_refused(tmp_path: Path) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(Refused, match="holds itself"):
        files.write(tmp_path / "x", "x", circle, Budget(1000))
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Refused, match="nested too deeply"):
        files.write(tmp_path / "x", "x", deep, Budget(1000))


def test_an_error_while_writing_is_raised_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.Packing, "encode", stop)
    with pytest.raises(KeyboardInterrupt) as raised:
        files.write(tmp_path / "x", "x", 1, Budget(1000))
    assert raised.value.__cause__ is None


def test_the_same_object_twice_is_no_circle() -> None:
    shared = [1]
    assert there_and_back([shared, shared]) == [[1], [1]]


def test_sizes_are_looked_at_before_and_while_writing(tmp_path: Path) -> None:
    budget = Budget(10_000)
    files.write(tmp_path / "a", "a", b"x" * 6000, budget)
    with pytest.raises(Refused, match=r"'b' has 4.9 KB, with what goes before it 10.8 KB, more than the 9.8 KB"):
        files.write(tmp_path / "b", "b", b"x" * 5000, budget)
    with pytest.raises(Refused, match=r"--values-limit"):
        files.write(tmp_path / "c", "c", ["text"] * 5000, budget)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_pickles_need_a_word_on_both_sides(tmp_path: Path) -> None:
    value = {"counted": collections.Counter("aab"), "plain": 1}
    assert there_and_back(value, pickle=True) == value
    files.write(tmp_path / "x", "x", value, Budget(1000), pickle=True)
    with pytest.raises(Refused, match=r"pickled collections.Counter.*result\(pickle=True\)"):
        files.read(tmp_path / "x", "x")


def test_functions_and_classes_of_a_notebook_are_pickled_by_value() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec("def double(n):\n    return 2 * n", namespace)
    assert there_and_back(namespace["double"], pickle=True)(21) == 42


def test_what_cannot_be_pickled_either_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be pickled"):
        there_and_back((n for n in ()), pickle=True)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    digest = files.write(path, "x", b"x" * 5000, Budget(10_000)).digest
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(Refused, match="sha256"):
        files.read(path, "x", digest=digest)
    with pytest.raises(Refused, match="damaged"):
        files.read(path, "x")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"PK",
        b"PK\x03\x04 and nonsense",
        b'{"$gpurun":"from.the.future"}',
        b'{"$gpurun":"numpy.ndarray","part":"0.npy"}',
        b'{"$gpurun":"tuple"}',
        b'{"$gpurun":"date","iso":"never"}',
        b'{"$gpurun":"set","items":[[]]}',
        b'{"$gpurun":"numpy.scalar","dtype":"O","base64":""}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_value_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(Refused):
        files.read(tmp_path / "x", "x")


def test_a_zip_that_was_not_written_here_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("value.json", '{"$gpurun":"bytes","part":"0.bin"}')
        archive.writestr("0.bin", bytes(10**7))
    with pytest.raises(Refused, match="compressed"):
        files.read(tmp_path / "x", "x")


def test_equal_values_are_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        files.write(tmp_path / name, name, [{3, 1, 2}, b"y" * 2000], Budget(10_000))
    digests = {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("a", "b")}
    assert len(digests) == 1
