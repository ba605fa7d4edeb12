"""What it costs to read along: printed lines, and the event files of TensorBoard."""

from __future__ import annotations

import struct
import time

from figures import Figure

from gpurun_jupyter.progress.decoder import Decoder
from gpurun_jupyter.progress.readers.budget import Budget
from gpurun_jupyter.progress.readers.files.tensorboard import TensorBoard

LINES, LINES_A_SECOND = 30_000, 1000
SCALARS = 200_000


def figures() -> list[Figure]:
    """Shares of a core at 1,000 lines a second, and scalars a second."""
    training = (f"Epoch {n // 300}/100 step {n} loss: {1 / (n + 1):.4f} acc: {n / LINES:.3f}\n" for n in range(LINES))
    others = (f"processed file {n} of the directory in {3 * n} ms and so on\n" for n in range(LINES))
    return [
        _share("reading a training's lines", [*training]),
        _share("reading other lines with numbers", [*others]),
        _scalars(),
    ]


def _share(measure: str, lines: list[str]) -> Figure:
    """What reading takes beside passing the same lines on."""
    share = 100 * (_cpu_s(lines, Budget) - _cpu_s(lines, _Unread)) / (LINES / LINES_A_SECOND)
    return Figure(f"{measure}, 1,000 a second", share, "% of a core", 1.0, 0.5, beside=f"{LINES:,} lines")


def _cpu_s(lines: list[str], budget: type[Budget]) -> float:
    """CPU seconds, by a clock that goes on by a millisecond with each line."""
    clock = _Clock()
    decoder = Decoder(budget(clock=clock))
    begun = time.process_time()
    for line in lines:
        clock.now += 1 / LINES_A_SECOND
        decoder.feed(line, "stdout")
    return time.process_time() - begun


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class _Unread(Budget):
    """Nothing is left, so nothing is read."""

    exhausted = True  # type: ignore[assignment]


def _scalars() -> Figure:
    data = b"".join(_record(_event(step)) for step in range(SCALARS))
    reader = TensorBoard()
    begun = time.perf_counter()
    found = reader.read(data)
    taken_s = time.perf_counter() - begun
    assert sum(len(one.values) for one in found) == SCALARS
    return Figure(
        "TensorBoard scalars read",
        SCALARS / taken_s,
        "/s",
        100_000,
        200_000,
        beside=f"{len(data) / 2**20:.1f} MiB",
        more_is_better=True,
    )


def _event(step: int) -> bytes:
    """An Event of tensorboard's event.proto with one simple_value, as torch's SummaryWriter has it."""
    value = b"\x0a\x0atrain/loss" + b"\x15" + struct.pack("<f", 1 / (step + 1))
    summary = b"\x0a" + bytes([len(value)]) + value
    varint = bytearray()
    rest = step
    while rest > 0x7F:
        varint.append(rest & 0x7F | 0x80)
        rest >>= 7
    varint.append(rest)
    return b"\x09" + struct.pack("<d", 1.79e9) + b"\x10" + bytes(varint) + b"\x2a" + bytes([len(summary)]) + summary


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _masked(length)) + data + b"\0\0\0\0"


def _masked(data: bytes) -> int:
    crc = _crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF
