"""What a run found where it ran: the interpreter with its packages, the machine, its devices and their driver."""

from __future__ import annotations

import msgspec

from gpurun_jupyter.core.manifests import Digest


class Interpreter(msgspec.Struct):
    """A Python environment at one moment; `packages` has the version of each by its name. Kept once for many runs."""

    python: str
    executable: str
    packages: dict[str, str]


class RecordedDevice(msgspec.Struct, omit_defaults=True):
    """A device that the attempt had."""

    id: str
    label: str
    name: str = ""
    memory_bytes: int | None = None


class Recorded(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is written in an attempt's folder: `interpreter` is the sha256 of an Interpreter's JSON."""

    interpreter: Digest | None = None  # None: not Python
    platform: str = ""
    host: str = ""
    driver: str = ""
    devices: list[RecordedDevice] = []
