"""A session as others see it: the record that its holder keeps in the session's folder, and the orders it takes."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Literal

import msgspec

from gpurun_jupyter.core.grants import SessionState
from gpurun_jupyter.core.home import SessionFolder
from gpurun_jupyter.core.processes import Identity


class Record(msgspec.Struct, kw_only=True):
    """Who holds the session, with which devices, and what it does: `busy` with an attempt, or idle since.

    `idle_since` is of the monotonic clock, which all processes of one boot share.
    """

    holder: Identity
    owner: str
    name: str
    kernel: str | None
    devices: list[str]
    busy: str | None
    idle_since: float

    def state(self) -> SessionState:
        """What the agent reports."""
        return SessionState(
            owner=self.owner,
            name=self.name,
            kernel=self.kernel,
            devices=self.devices,
            busy=self.busy,
            idle_s=0.0 if self.busy else round(time.monotonic() - self.idle_since, 1),
        )


class Order(msgspec.Struct):
    """One line in the session's FIFO: an attempt's folder to carry out, or what to do with the kernel."""

    what: Literal["attempt", "restart", "end"]
    folder: str = ""


def read_record(folder: SessionFolder) -> Record | None:
    """The record of a session that is there; None where it is not, or its holder is gone."""
    try:
        record = msgspec.json.decode(folder.record.read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return record if record.holder.alive() else None


def give_order(folder: SessionFolder, order: Order) -> bool:
    """Write an order; whether somebody is there to read it. One of this size is written whole or not at all."""
    with contextlib.suppress(OSError):
        fd = os.open(folder.orders, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(fd, msgspec.json.encode(order) + b"\n")
        finally:
            os.close(fd)
        return True
    return False
