"""NumPy, pandas and pyarrow through files and back, with their dtypes; torch where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np
from hypothesis.extra import pandas as st_pd
from values_trip import there_and_back

from gpurun_jupyter.values.refusals import Refused

DTYPES = (
    st_np.scalar_dtypes()
    | st_np.unicode_string_dtypes()
    | st_np.byte_string_dtypes()
    | st_np.array_dtypes(allow_subarrays=True)
)


@settings(deadline=None)
@given(DTYPES.flatmap(lambda dtype: st_np.arrays(dtype, st_np.array_shapes(min_dims=0, min_side=0))))
def test_arrays(array: Any) -> None:
    back = there_and_back(array)
    assert back.dtype == np.asarray(array).dtype
    assert back.shape == np.shape(array)
    assert back.tobytes() == np.asarray(array).tobytes()
    assert type(back) is type(array)


@settings(deadline=None)
@given(st_np.scalar_dtypes().flatmap(st_np.from_dtype))
def test_scalars(value: Any) -> None:
    scalar = np.asarray(value)[()]
    back = there_and_back([scalar])[0]
    assert type(back) is type(scalar)
    assert back.tobytes() == scalar.tobytes()


def test_arrays_in_containers_and_their_order() -> None:
    fortran = np.asfortranarray(np.arange(12).reshape(3, 4))
    back = there_and_back({"deep": [(fortran, np.float32(2))], 3: np.dtype("<M8[s]")})
    assert back["deep"][0][0].flags.f_contiguous
    np.testing.assert_array_equal(back["deep"][0][0], fortran)
    assert back[3] == np.dtype("<M8[s]")
    back["deep"][0][0][0, 0] = 7  # what comes back may be changed


def test_arrays_of_objects_need_pickle() -> None:
    array = np.array([1, "a", None], dtype=object)
    with pytest.raises(Refused, match=r"numpy.ndarray of Python objects.*--pickle"):
        there_and_back(array)
    assert there_and_back(array, pickle=True).tolist() == array.tolist()
    with pytest.raises(Refused, match="MaskedArray"):
        there_and_back(np.ma.masked_array([1], [True]))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(["f8", "i2", "u8", "?", "M8[ns]", "m8[s]", "f2"]), max_size=4).flatmap(
        lambda dtypes: st_pd.data_frames(
            [st_pd.column(f"c{place}", dtype=np.dtype(dtype)) for place, dtype in enumerate(dtypes)],
            index=st_pd.range_indexes(max_size=5) | st_pd.indexes(dtype=np.dtype("f8"), max_size=5),
        )
    )
)
def test_frames(frame: Any) -> None:
    pd.testing.assert_frame_equal(there_and_back(frame), frame)


FRAME = pd.DataFrame(
    {
        "text": ["a", None, "c"],
        "objects": pd.Series([1, "two", None], dtype=object),
        "lists": pd.Series([[1], [2, 3], []], dtype=object),
        "category": pd.Categorical(["x", "y", "x"], categories=["y", "x", "z"], ordered=True),
        "when": pd.to_datetime(["2024-01-01", None, "2024-03-01"]).tz_localize("Europe/Berlin"),
        "nullable": pd.array([1, None, 3], dtype="Int8"),
        "flag": pd.array([True, None, False], dtype="boolean"),
        "half": np.array([1, 2, 3], dtype=np.float16),
        "day": pd.period_range("2024-01", periods=3, freq="M"),
        "span": pd.interval_range(0, 3),
        "delta": pd.to_timedelta([1, 2, None], unit="s"),
        "arrow": pd.array([1, 2, None], dtype="int64[pyarrow]"),
    }
)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        FRAME.set_index(["category", "text"]),
        FRAME.set_index("when"),
        FRAME[["half", "objects"]].T,
        FRAME.iloc[:0],
        FRAME[[]],
        pd.DataFrame(),
        pd.DataFrame([[1, 2], [3, 4]], columns=["same", "same"]),
        pd.DataFrame([[1, 2]], columns=[0, "mixed"]),
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["one", None])),
        pd.DataFrame({"n": range(4)}, index=pd.date_range("2024", periods=4, freq="2h", name="at")),
        pd.DataFrame({"n": range(4)}, index=pd.RangeIndex(2, 10, 2, name="even")),
        pd.DataFrame({"n": [1.5]}, index=pd.Index([(1, 2)], tupleize_cols=False)),
    ],
)
def test_dtypes_labels_and_index_stay(frame: Any) -> None:
    back = there_and_back(frame)
    pd.testing.assert_frame_equal(back, frame, check_freq=True)
    assert type(back.index) is type(frame.index)
    assert back.columns.equals(frame.columns)


def test_missing_values_of_object_columns_stay_what_they_are() -> None:
    back = there_and_back(pd.Series([None, float("nan"), pd.NA, pd.NaT, True, 1], dtype=object, name=("a", 1)))
    assert back.name == ("a", 1)
    assert back[0] is None
    assert isinstance(back[1], float)
    assert back[2] is pd.NA
    assert back[3] is pd.NaT
    assert (back[4] is True, type(back[5])) == (True, int)


@pytest.mark.parametrize("name", [None, "n", 3])
def test_series_and_indexes(name: Any) -> None:
    series = pd.Series([1.5, 2.5], index=["a", "b"], name=name)
    pd.testing.assert_series_equal(there_and_back(series), series)
    for index in (series.index, FRAME.set_index("when").index, pd.Index([3, 1], name=name, dtype="int8")):
        pd.testing.assert_index_equal(there_and_back(index), index)
    for scalar in (pd.Timestamp("2024-01-01 10:00", tz="Asia/Tokyo"), pd.Timedelta("1h"), pd.NaT):
        assert there_and_back([scalar]) == [scalar] or scalar is pd.NaT


def test_frames_that_do_not_survive_are_refused() -> None:
    sparse = pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])})
    with pytest.raises(Refused, match=r"pandas\.\S*DataFrame.*--pickle"):
        there_and_back(sparse)
    pd.testing.assert_frame_equal(there_and_back(sparse, pickle=True), sparse)
    with pytest.raises(Refused, match=r"x\[0\]"):
        there_and_back(pd.DataFrame({"a": [object()]}))


def test_arrow_tables() -> None:
    table = pa.table({"a": [1, None], "b": [["x"], []]}, metadata={"k": "v"})
    back = there_and_back({"t": table})["t"]
    assert back.equals(table, check_metadata=True)


def test_the_size_of_an_array_is_told_before_it_is_written() -> None:
    with pytest.raises(Refused, match=r"'x' has 7\.6 MB, more than the 1\.0 MB"):
        there_and_back(np.zeros(10**6), limit_bytes=2**20)


def test_a_plain_value_imports_no_library() -> None:
    code = (
        "import sys; from gpurun_jupyter.values import files, kernel;"
        "from gpurun_jupyter.values.refusals import Budget;"
        "from pathlib import Path; import tempfile; d = tempfile.mkdtemp();"
        "files.write(Path(d, 'x'), 'x', {'a': [1, (2,)]}, Budget(99)); files.read(Path(d, 'x'), 'x');"
        "print([m for m in ('numpy', 'pandas', 'torch', 'msgspec', 'httpx') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd
from values_trip import there_and_back
from gpurun_jupyter.values.refusals import Refused
frame = pd.DataFrame({"loss": [0.5, 0.25]})
try:
    there_and_back(frame)
except Refused as refused:
    print(refused)
for value in (frame, {"history": [frame]}):
    back = there_and_back(value, pickle=True)
    pd.testing.assert_frame_equal(back if value is frame else back["history"][0], frame)
"""


def test_a_frame_without_pyarrow_is_pickled_where_that_was_said() -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", WITHOUT_PYARROW], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("which needs pyarrow to travel. Install pyarrow, or add --pickle.\n")
