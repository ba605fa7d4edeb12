"""A session as others see it: the record that its holder keeps in the session's folder, and the orders it takes."""

from __future__ import annotations

import contextlib
import os
from typing import Literal

import msgspec

from gpurun_jupyter.core.home import SessionFolder
from gpurun_jupyter.core.system.processes import Identity
from gpurun_jupyter.core.system.records import read_record


class Record(msgspec.Struct, kw_only=True):
    """Who holds the session, with which devices. What it does is known to the agent that gives it attempts."""

    holder: Identity
    owner: str
    name: str
    kernel: str | None
    devices: list[str]
    inode: int = 0  # of the session's folder: a copy of it has another


class Order(msgspec.Struct):
    """One line in the session's FIFO: an attempt's folder to carry out, or what to do with the kernel."""

    what: Literal["attempt", "restart", "end"]
    folder: str = ""


def living_session(folder: SessionFolder) -> Record | None:
    """The record of a session that is there; None where it is not, or its holder is gone."""
    record = read_record(folder.record, Record)
    if record is None or record.inode not in (0, _inode(folder)):
        return None
    return record if record.holder.alive() else None


def _inode(folder: SessionFolder) -> int | None:
    with contextlib.suppress(OSError):
        return folder.path.stat().st_ino
    return None


def give_order(folder: SessionFolder, order: Order) -> bool:
    """Write an order; whether somebody is there to read it. One of this size is written whole or not at all."""
    with contextlib.suppress(OSError):
        fd = os.open(folder.orders, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # fails where nobody reads
        try:
            os.write(fd, msgspec.json.encode(order) + b"\n")
        finally:
            os.close(fd)
        return True
    return False
