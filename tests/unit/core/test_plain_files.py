"""Plain files: what is read from CSV and YAML, and that what is written is read again as it was."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.formats.encodings import encoding_of
from gpurun_jupyter.core.formats.plain_files import Header, Row, as_csv, as_yaml, parameters_in, whole_records

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
AT = st.none() | NUMBERS
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES |= st.sampled_from(
    ["step", "Time", "epoch", "iter", " loss", "a;b", "a,b", '"', "metric.x", "1", "\ufeff", "a\r\nb"]
)
ROWS = st.lists(st.builds(Row, AT, AT, st.dictionaries(NAMES, NUMBERS, min_size=1, max_size=4)), min_size=1, max_size=8)


def read(text: str) -> list[Row]:
    data = text.encode()
    records, size = whole_records(data)
    assert size == len(data)
    header = Header(records[0])
    return [row for row in map(header.row, records[1:]) if row is not None]


@given(ROWS)
def test_what_is_written_is_read_again(rows: list[Row]) -> None:
    assert read("".join(as_csv(rows))) == rows


@given(ROWS, st.integers(0, 400))
def test_a_file_that_is_read_while_it_grows_gives_each_row_once(rows: list[Row], cut: int) -> None:
    data = "".join(as_csv(rows)).encode()
    first, size = whole_records(data[:cut])
    assert first + whole_records(data[size:])[0] == whole_records(data)[0]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("step,loss\n3,0.5\n", Row(3, None, {"loss": 0.5})),
        ("\ufeffEpoch;Global_Step;loss\r\n1;30;0.5\r\n", Row(30, None, {"Epoch": 1, "loss": 0.5})),
        ("time\tloss\tnote\n1.5\t0.5\tgood, so far\n", Row(None, 1.5, {"loss": 0.5})),
        ("step, train/loss, val/loss\n0, 2, \n", Row(0, None, {"train/loss": 2})),
        ('step,"a;b;c"\n1,2\n', Row(1, None, {"a;b;c": 2})),
        ("step,loss,acc\n1,,0.5,7\n", Row(1, None, {"acc": 0.5})),
        ("step;loss;acc\r\n1;0,93;-1.234,5\r\n", Row(1, None, {"loss": 0.93, "acc": -1234.5})),
        ("step;loss;note\n1;0.93;1,2,3\n", Row(1, None, {"loss": 0.93})),
        ("step\tloss\n1\t0,93\n", None),
        ("step,time,loss\nnan,inf,-inf\n", Row(None, None, {"loss": -math.inf})),
    ],
)
def test_csv_of_other_tools(text: str, row: Row | None) -> None:
    assert read(text) == ([] if row is None else [row])


def test_nan_is_a_value() -> None:
    (row,) = read("step,loss,acc\n1,NaN,0.5\n")
    assert str(row.values) == "{'loss': nan, 'acc': 0.5}"
    assert str(read("".join(as_csv([row])))) == str([row])


@given(ROWS, st.integers(0, 1000), st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_a_growing_file_in_utf_16_is_read_as_in_utf_8(rows: list[Row], cut: int, encoding: str) -> None:
    data = "".join(as_csv(rows)).encode(encoding)
    assert encoding_of(data) == encoding
    first, size = whole_records(data[:cut], encoding)
    assert first + whole_records(data[size:], encoding)[0] == whole_records("".join(as_csv(rows)).encode())[0]


@pytest.mark.parametrize("text", ["1,2,3\n", ",,\n", "\n"])
def test_a_file_without_a_header_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="does not name the columns"):
        read(text)


def test_rows_of_text_are_no_measurements() -> None:
    assert read("step,loss\n1,0.5\nfinished,\n2,\n,0.25\n") == [
        Row(1, None, {"loss": 0.5}),
        Row(None, None, {"loss": 0.25}),
    ]


def test_parameters_are_flat() -> None:
    text = "lr: 0.1\nmodel:\n  depth: 3\n  sizes: [1, 2]\nday: 2026-11-24\nempty: {}\n7: seven\ngpurun: {run: x}\n"
    assert parameters_in(text) == {
        "lr": 0.1,
        "model.depth": 3,
        "model.sizes": [1, 2],
        "day": "2026-11-24",
        "empty": {},
        "7": "seven",
    }
    assert parameters_in("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "- 1\n- 2\n",
        "lr: [",
        "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
        "a: &a [*a]\n",
        "a: !!python/object/apply:os.system ['true']\n",
        "lr: 0.1\x00",
    ],
)
def test_yaml_that_is_no_parameters_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parameters_in(text)


def test_parameters_that_are_written_are_read_again() -> None:
    parameters = {"lr": "0.1", "name": "cnn", "zip": "007", "sizes": "[1, 2]", "flag": "true"}
    text = as_yaml(parameters, {"run": "k3f9x2ab"})
    assert parameters_in(text) == {"lr": 0.1, "name": "cnn", "zip": "007", "sizes": [1, 2], "flag": True}


SCALARS = [
    "0o17",
    "0x1F",
    "NO",
    "on",
    "1:30",
    "1_000",
    "2024-01-01",
    "~",
    "Null",
    ".inf",
    "<<",
    "=",
    "1e3x",
    "+1",
    ".5",
]


@given(st.sampled_from(SCALARS) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6))
def test_a_text_that_is_written_is_read_again(text: str) -> None:
    assert parameters_in(as_yaml({"x": json.dumps(text)}, {})) == {"x": text}


def test_yaml_is_that_of_today_as_in_launch_files() -> None:
    text = (
        "lr: 1e-3\ncountry: NO\noct: 010\nnew: 0o10\ntime: 1:30\non: push\nday: 2026-11-24\nmany: 1_000\nlow: -.inf\n"
    )
    assert parameters_in(text) == {
        "lr": 0.001,
        "country": "NO",
        "oct": 10,
        "new": 8,
        "time": "1:30",
        "on": "push",
        "day": "2026-11-24",
        "many": "1_000",
        "low": "-Infinity",
    }
    merged = parameters_in("base: &b {lr: 1, x: 2}\nmine:\n  <<: *b\n  lr: 3\n")
    assert (merged["mine.lr"], merged["mine.x"]) == (3, 2)
