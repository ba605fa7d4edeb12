"""W&B's offline files: records in blocks, rows of values, settings."""

from __future__ import annotations

import struct
import zlib

import pytest
from logged_files import bytes_field, fed, varint

from gpurun_jupyter.progress.readers.files.found import Found, Parameters, Points
from gpurun_jupyter.progress.readers.files.wandb import Wandb

BEGINNING = b":W&B\xe1\xbe\x00"
BLOCK = 1 << 15


def written(*records: bytes) -> bytes:
    """As LevelDB's log_format.md says."""
    out = bytearray(BEGINNING)
    for record in records:
        rest, is_first = record, True
        while is_first or rest:
            left = BLOCK - len(out) % BLOCK
            if left < 7:
                out += bytes(left)
                continue
            part, rest = rest[: left - 7], rest[left - 7 :]
            kind = (1 if is_first else 4) if not rest else (2 if is_first else 3)
            body = bytes([kind]) + part
            out += struct.pack("<IH", zlib.crc32(body), len(part)) + body
            is_first = False
    return bytes(out)


def item(*names: str, value: str) -> bytes:
    path = b"".join(bytes_field(2, name.encode()) for name in names)
    return bytes_field(1, path + bytes_field(16, value.encode()))


def row(step: int, *items: bytes) -> bytes:
    steps = bytes_field(2, b"\x08" + varint(step) if step else b"")
    return b"\x08\x07" + bytes_field(2, b"".join(items) + steps)


def read(*records: bytes) -> list[Found]:
    return fed(Wandb(), written(*records))


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ("0.5", {"a": 0.5}),
        ("3", {"a": 3.0}),
        ("Infinity", {"a": float("inf")}),
        ('"-Infinity"', {"a": float("-inf")}),
        ('{"b": {"c": 1}, "d": "text"}', {"a.b.c": 1.0}),
        ('{"_type": "histogram", "values": 1}', {}),
        ("[1, 2]", {}),
        ("true", {}),
        ("null", {}),
        ('"text"', {}),
        ("{broken", {}),
        ("", {}),
    ],
)
def test_values(value: str, values: dict[str, float]) -> None:
    rows = [row(step, item("a", value=value), item("loss", value="1"), item("_step", value="9")) for step in (0, 1)]
    assert read(*rows) == [Points(values | {"loss": 1.0}, float(step)) for step in (0, 1)]


@pytest.mark.parametrize("names", [("a" * 127,), ("a" * 128,), ("é",), ("a", "b"), ("a", "b" * 200)])
def test_names(names: tuple[str, ...]) -> None:
    values = {".".join(names): 0.5}
    rows = [row(step, item(*names, value="0.5")) for step in (1, 2, 3)]
    assert read(*rows) == [Points(values, step) for step in (1.0, 2.0, 3.0)]


def test_a_number_that_is_no_text() -> None:
    typed = bytes_field(1, bytes_field(2, b"a") + b"\x31" + struct.pack("<d", 0.5))
    whole = bytes_field(1, bytes_field(2, b"b") + b"\x28" + varint(5))
    assert read(row(1, typed, whole)) == [Points({"a": 0.5, "b": -3.0}, 1.0)]


def test_settings_of_the_run_and_later_ones() -> None:
    settings = item("lr", value="0.1") + item("model", value='{"layers": [1, 2]}') + item("_wandb", value='{"x": 1}')
    later = item("model", "name", value='"mlp"') + item("none", value="null")
    found = read(bytes_field(17, bytes_field(4, settings)), bytes_field(5, later))
    assert found == [Parameters({"lr": 0.1, "model.layers": "[1, 2]"}), Parameters({"model.name": "mlp"})]


@pytest.mark.parametrize("size", [BLOCK - 14 - 40, BLOCK, 3 * BLOCK, *range(BLOCK - 50, BLOCK - 14)])
def test_records_over_several_blocks(size: int) -> None:
    large = row(1, item("a", value=" " * (size - 20) + "0.5"))
    assert read(large, row(2, item("a", value="1"))) == [Points({"a": 0.5}, 1.0), Points({"a": 1.0}, 2.0)]


def test_a_damaged_block_is_passed_over() -> None:
    rows = [row(step, item("a", value="0.5"), item("text", value='"' + "x" * 500 + '"')) for step in range(200)]
    data = bytearray(written(*rows))
    data[BLOCK + 2000] ^= 1
    steps = [found.step for found in fed(Wandb(), bytes(data), 999) if isinstance(found, Points)]
    assert steps == sorted(set(steps))
    assert 120 < len(steps) < 199
    assert steps[-1] == 199.0


@pytest.mark.parametrize("beginning", [b":W&B\xe1\xbe\x01", b":W&C\xe1\xbe\x00", b"{", bytes(7)])
def test_other_files_are_not_read(beginning: bytes) -> None:
    reader = Wandb()
    assert reader.read(beginning + written(row(1, item("a", value="1")))) == []
    assert reader.broken


def test_a_file_in_blocks_that_begins_anew() -> None:
    reader = Wandb()
    data = written(row(1, item("a", value="1")))
    assert reader.read(data) == [Points({"a": 1.0}, 1.0)]
    reader.again()
    assert reader.read(data) == [Points({"a": 1.0}, 1.0)]
