"""Whatever a file is, its reader does not raise, and holds little."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logged_files import NAMES, as_named, event_record, fed, files

from gpurun_jupyter.progress.readers.files.formats import BEGINNING_BYTES, reader_for
from gpurun_jupyter.progress.readers.files.found import FileReader
from gpurun_jupyter.progress.readers.files.parameters import ParameterFile
from gpurun_jupyter.progress.readers.files.tables import Table
from gpurun_jupyter.progress.readers.files.tensorboard import TensorBoard
from gpurun_jupyter.progress.readers.files.trackio import Trackio
from gpurun_jupyter.progress.readers.files.trainer_state import TrainerState
from gpurun_jupyter.progress.readers.files.wandb import Wandb

#: Each reader, and how a file of its kind begins.
READERS: list[tuple[Callable[[], FileReader], bytes]] = [
    (TensorBoard, b""),
    (Wandb, b":W&B\xe1\xbe\x00"),
    (Trackio, b'{"v":1,"kind":"metric","metrics":'),
    (Table, b"step,loss\n"),
    (TrainerState, b'{"log_history":['),
    (lambda: ParameterFile("/"), b"a: &x [1, *x]\nb: "),
]
MB = 1 << 20
recorded = [path for name in NAMES for path in files(name)]


@given(st.sampled_from(READERS), st.binary(max_size=2000), st.booleans(), st.integers(1, 300))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_read(kind: tuple[Callable[[], FileReader], bytes], data: bytes, begins: bool, size: int) -> None:
    make, beginning = kind
    fed(make(), (beginning if begins else b"") + data, size)


@given(st.binary(max_size=500))
@settings(max_examples=300, deadline=None)
def test_any_event_is_passed_over(data: bytes) -> None:
    reader = TensorBoard()
    fed(reader, event_record(data) * 2)
    assert not reader.broken


@given(st.sampled_from(recorded), st.data())
@settings(max_examples=400, deadline=None)
def test_damaged_recordings_are_read(path: Path, draw: st.DataObject) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(draw.draw(st.integers(0, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    del data[draw.draw(st.integers(0, len(data))) :]
    reader = reader_for(as_named(path), bytes(data[:BEGINNING_BYTES]))
    if reader is not None:
        fed(reader, bytes(data), draw.draw(st.integers(1, 5000)))


@pytest.mark.parametrize("filler", [b"\x00", b"\xff", b"9", b'"', b"random"])
@pytest.mark.parametrize("kind", READERS, ids=[made[1].decode("latin-1") for made in READERS])
def test_little_is_held(kind: tuple[Callable[[], FileReader], bytes], filler: bytes) -> None:
    make, beginning = kind
    piece = random.Random(1).randbytes(MB) if filler == b"random" else filler * MB
    reader = make()
    tracemalloc.start()
    reader.read(beginning)
    for _ in range(40):
        assert reader.read(piece) == []
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2 * MB
    assert peak < 16 * MB


def test_a_deep_nest_is_passed_over() -> None:
    deep = b"[" * 50_000
    assert fed(TrainerState(), b'{"log_history":' + deep) == []
    assert fed(Trackio(), b'{"v":1,"kind":"metric","metrics":' + deep + b"\n") == []
    assert fed(ParameterFile("/"), b"a: " + deep) == []


def test_many_aliases_are_passed_over() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 12)]
    assert fed(ParameterFile("/"), "\n".join(lines).encode()) == []
