"""Event files: numbers in all their forms, and what is passed over."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logged_files import bytes_field, event, event_record, fed, points_of, simple, tensor, varint

from gpurun_jupyter.progress.readers.files.found import Parameters, Points
from gpurun_jupyter.progress.readers.files.tensorboard import TensorBoard

VERSION = event_record(b"\x09" + bytes(8) + bytes_field(3, b"brain.Event:2"))


def read(*records: bytes) -> list[tuple[str, float | None, float]]:
    return list(points_of(fed(TensorBoard(), VERSION + b"".join(records))))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -2.5])
def test_any_number(value: float) -> None:
    found = read(*[event(step, simple("loss", value)) for step in range(3)])
    assert repr(found) == repr([("loss", float(step), value) for step in range(3)])


@pytest.mark.parametrize("step", [0, 1, 127, 128, 16383, 16384, 2**21, 2**28 - 1, 2**28, 2**40, 2**62, -1, -500])
def test_any_step(step: int) -> None:
    assert read(*[event(step, simple("a", 1)), event(step, simple("a", 2))]) == [("a", step, 1.0), ("a", step, 2.0)]


@pytest.mark.parametrize(
    ("dtype", "rest", "value"),
    [
        (1, bytes_field(5, struct.pack("<f", 1.5)), 1.5),
        (1, b"\x2d" + struct.pack("<f", 1.5), 1.5),
        (1, bytes_field(4, struct.pack("<f", 1.5)), 1.5),
        (1, b"", 0.0),
        (2, bytes_field(6, struct.pack("<d", 0.1)), 0.1),
        (2, bytes_field(2, b"") + bytes_field(4, struct.pack("<d", 0.1)), 0.1),
        (3, bytes_field(7, varint(-7)), -7.0),
        (3, b"\x38" + varint(-7), -7.0),
        (4, bytes_field(4, b"\xff"), 255.0),
        (9, bytes_field(10, varint(1 << 40)), float(1 << 40)),
        (23, bytes_field(4, b"\xff" * 8), float((1 << 64) - 1)),
        (14, bytes_field(13, varint(0x3FC0)), 1.5),
        (14, bytes_field(4, b"\xc0\x3f"), 1.5),
        (19, bytes_field(13, varint(0x3E00)), 1.5),
        (19, bytes_field(4, struct.pack("<e", 1.5)), 1.5),
    ],
)
def test_any_kind_of_number(dtype: int, rest: bytes, value: float) -> None:
    records = [event(step, tensor("a", dtype, rest, plugin)) for step, plugin in enumerate(("scalars", "", "", ""))]
    assert read(*records) == [("a", float(step), value) for step in range(4)]


@pytest.mark.parametrize(
    "value",
    [
        tensor("a", 1, bytes_field(2, bytes_field(2, b"\x08\x02")) + bytes_field(5, bytes(8)), ""),
        tensor("a", 1, bytes_field(5, bytes(8))),
        tensor("a", 7, bytes_field(8, b"text"), "text"),
        tensor("a", 1, bytes_field(5, bytes(4)), "histograms"),
        tensor("a", 10, bytes_field(11, b"\x01")),
        bytes_field(1, b"a") + bytes_field(4, b"an image"),
        simple("", 1.0),
        simple("a" * 2000, 1.0),
        b"\x15\x00",
    ],
)
def test_what_is_no_scalar_is_passed_over(value: bytes) -> None:
    assert read(event(1, value, simple("b", 2.0)), event(2, simple("b", 3.0))) == [("b", 1.0, 2.0), ("b", 2.0, 3.0)]


def test_the_plugin_stands_in_the_first_event_only() -> None:
    numbers = bytes_field(5, bytes(4))
    assert read(event(1, tensor("a", 1, numbers, "other")), event(2, tensor("a", 1, numbers, ""))) == []


@pytest.mark.parametrize("size", [400, 600])
def test_a_long_description_is_passed_over(size: int) -> None:
    described = bytes_field(9, bytes_field(3, b"x" * size))
    assert read(*[event(step, simple("a", step) + described) for step in (1, 2)]) == [("a", 1.0, 1.0), ("a", 2.0, 2.0)]


def test_values_of_a_step_belong_together() -> None:
    records = b"".join(event(step, simple(tag, step)) for step in (1, 2) for tag in ("a", "b"))
    both = [Points({"a": 1.0, "b": 1.0}, 1.0), Points({"a": 2.0, "b": 2.0}, 2.0)]
    found = fed(TensorBoard(), VERSION + records)
    assert [one._replace(time=None) for one in found if isinstance(one, Points)] == both


@pytest.mark.parametrize("size", [None, 65536, 1000])
def test_a_large_image_is_passed_over(size: int | None) -> None:
    image = event(1, bytes_field(1, b"a") + bytes_field(4, bytes(10_000_000)))
    data = VERSION + event(1, simple("a", 1)) + image + event(2, simple("a", 2))
    assert list(points_of(fed(TensorBoard(), data, size))) == [("a", 1.0, 1.0), ("a", 2.0, 2.0)]


def test_hyperparameters() -> None:
    values = {"lr": b"\x11" + struct.pack("<d", 0.1), "optimizer": bytes_field(3, b"adam"), "fast": b"\x20\x01"}
    entries = [bytes_field(1, bytes_field(1, name.encode()) + bytes_field(2, value)) for name, value in values.items()]
    content = bytes_field(3, b"".join(entries))
    plugin = bytes_field(1, bytes_field(1, b"hparams") + bytes_field(2, content))
    value = bytes_field(1, b"_hparams_/session_start_info") + bytes_field(9, plugin)
    assert fed(TensorBoard(), VERSION + event(0, value)) == [Parameters({"lr": 0.1, "optimizer": "adam", "fast": True})]


def test_a_wrong_length_is_the_end() -> None:
    damaged = bytearray(event(2, simple("a", 2)))
    damaged[9] ^= 1
    reader = TensorBoard()
    found = reader.read(VERSION + event(1, simple("a", 1)) + damaged)
    assert list(points_of(found)) == [("a", 1.0, 1.0)]
    assert reader.broken
    assert reader.read(event(3, simple("a", 3))) == []


TAGS = st.sampled_from(["a", "b", "train/loss", "é", "x" * 127, "x" * 128, "*" * 30])
FLOATS = st.floats(width=32, allow_nan=False)
SINGLE = st.builds(simple, TAGS, FLOATS)
AS_TENSOR = st.builds(
    lambda tag, value, plugin: tensor(tag, 1, bytes_field(4, struct.pack("<f", value)), plugin),
    TAGS,
    FLOATS,
    st.sampled_from(["", "scalars"]),
)
EVENTS = st.builds(lambda step, values: event(step, *values), st.integers(-9, 2**30), st.lists(SINGLE | AS_TENSOR))


@given(st.lists(EVENTS, max_size=30))
@settings(max_examples=200, deadline=None)
def test_an_event_says_the_same_whatever_was_before_it(events: list[bytes]) -> None:
    alone = [point for one in events for point in points_of(fed(TensorBoard(), one))]
    assert list(points_of(fed(TensorBoard(), b"".join(events)))) == alone
