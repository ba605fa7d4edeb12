"""What loggers left is read as they meant it, however it comes."""

from __future__ import annotations

import math

import pytest
from logged_files import NAMES, files, read, wanted

from gpurun_jupyter.progress.readers.files.formats import reader_for

#: What is not wanted may be read as well: the epoch beside the step, and what JSON cannot say.
MORE = {"epoch", "not/finite"}


@pytest.mark.parametrize("name", NAMES)
def test_what_was_logged_is_read(name: str) -> None:
    want, record = wanted(name), read(name)
    for metric, points in want["metrics"].items():
        assert record.metrics.get(metric) == points, metric
    assert record.metrics.keys() - want["metrics"].keys() <= (MORE if want["metrics"] else set())
    assert record.params == want["params"]


def test_not_a_number_is_a_value() -> None:
    [[step, value]] = read("tensorboardx").metrics["not/finite"]
    assert step == 3
    assert value is not None
    assert math.isnan(value)


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 15])
@pytest.mark.parametrize("name", NAMES)
def test_how_it_comes_in_pieces_changes_nothing(name: str, size: int) -> None:
    whole, in_pieces = read(name), read(name, size)
    assert repr(in_pieces) == repr(whole)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("no_log")])
def test_what_is_no_log_has_no_reader(name: str) -> None:
    [path] = files(name)
    assert reader_for(path, path.read_bytes()) is None
