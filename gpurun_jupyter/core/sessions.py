"""Sessions as people see them."""

from __future__ import annotations

import msgspec

from gpurun_jupyter.core.devices import Device


class Session(msgspec.Struct):
    """A named warm kernel. `busy` is the id of the run that it carries out; times are seconds since the epoch."""

    name: str
    owner: str
    agent: str
    kernel: str | None
    devices: list[Device]
    busy: str | None
    created_at: float
    used_at: float
