"""Recordings of loggers' files, read as a follower would, and events of TensorBoard made by hand."""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from gpurun_jupyter.progress.readers.files.formats import BEGINNING_BYTES, reader_for
from gpurun_jupyter.progress.readers.files.found import FileReader, Found, Points
from gpurun_jupyter.progress.readers.files.records import masked_crc

LOGGED = Path(__file__).parent / "foreign" / "recordings" / "logged"
#: Those of MLflow are no files to follow.
NAMES = sorted(p.name.removesuffix(".want.json") for p in LOGGED.glob("*.want.json") if not p.name.startswith("mlflow"))


@dataclass
class Record:
    metrics: dict[str, list[list[float | None]]] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)


def wanted(name: str) -> dict[str, Any]:
    want: dict[str, Any] = json.loads((LOGGED / f"{name}.want.json").read_text())
    params = want["params"].items()
    want["params"] = {key: json.dumps(v) if isinstance(v, list) else v for key, v in params if v is not None}
    return want


def files(name: str) -> list[Path]:
    path = LOGGED / name
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def as_named(path: Path) -> PurePath:
    """As its logger named it: recordings of one file have a name of their own."""
    return PurePath("trainer_state.json") if path.name.startswith("hf_trainer_state") else path.relative_to(LOGGED)


def fed(reader: FileReader, data: bytes, size: int | None = None) -> list[Found]:
    pieces = [data] if reader.whole or not size else [data[at : at + size] for at in range(0, len(data), size)]
    return [*(found for piece in pieces for found in reader.read(piece)), *reader.end()]


def read(name: str, size: int | None = None) -> Record:
    """All of a recording; a folder's or a run's name stands before a name where there are several."""
    told: dict[str, list[tuple[PurePath, Found]]] = {}
    for path in files(name):
        data = path.read_bytes()
        reader = reader_for(as_named(path), data[:BEGINNING_BYTES])
        if reader is not None:
            of_kind = told.setdefault(reader.by, [])
            of_kind += [(path, found) for found in fed(reader, data, size)]
    record = Record()
    for of_kind in told.values():
        _merge(of_kind, {p: as_named(p) for p in files(name)}, record)
    return record


def names_before(paths: Collection[PurePath]) -> dict[PurePath, str]:
    """For each file its folder below the one that all have in common, `train/` and `validation/`; nothing for one."""
    folders = [path.parent.parts for path in paths]
    shared = 0
    while folders and all(len(parts) > shared and parts[shared] == folders[0][shared] for parts in folders):
        shared += 1
    return {path: "".join(f"{part}/" for part in path.parent.parts[shared:]) for path in paths}


def _merge(told: list[tuple[PurePath, Found]], names: dict[Path, PurePath], record: Record) -> None:
    before = names_before([path for path, _ in told])
    has_runs = len({found.run for _, found in told}) > 1
    settings: dict[str, dict[str, Any]] = {}
    for path, found in told:
        prefix = f"{found.run}/" if has_runs else "" if found.run else before[path]
        for name, value in found.values.items():
            if isinstance(found, Points):
                record.metrics.setdefault(prefix + name, []).append([found.step, value])
            else:
                settings.setdefault(name, {})[prefix] = value
    for name, by_prefix in settings.items():
        differ = len({repr(value) for value in by_prefix.values()}) > 1
        record.params |= {(prefix if differ else "") + name: value for prefix, value in by_prefix.items()}


def points_of(found: list[Found]) -> Iterator[tuple[str, float | None, float]]:
    for one in found:
        if isinstance(one, Points):
            yield from ((name, one.step, value) for name, value in one.values.items())


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def bytes_field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def event_record(event: bytes) -> bytes:
    length = struct.pack("<Q", len(event))
    return length + struct.pack("<I", masked_crc(length)) + event + b"crc?"


def event(step: int, *values: bytes) -> bytes:
    """A record with an event of these values of a summary."""
    summary = b"".join(bytes_field(1, value) for value in values)
    steps = b"\x10" + varint(step) if step else b""
    return event_record(b"\x09" + struct.pack("<d", 1764489600.0) + steps + bytes_field(5, summary))


def simple(tag: str, value: float) -> bytes:
    return bytes_field(1, tag.encode()) + b"\x15" + struct.pack("<f", value)


def tensor(tag: str, dtype: int, rest: bytes, plugin: str = "scalars") -> bytes:
    metadata = bytes_field(9, bytes_field(1, bytes_field(1, plugin.encode()))) if plugin else b""
    return bytes_field(1, tag.encode()) + bytes_field(8, b"\x08" + bytes([dtype]) + rest) + metadata
