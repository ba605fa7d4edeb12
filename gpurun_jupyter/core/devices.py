"""Devices and the agents that offer them."""

from __future__ import annotations

from typing import Literal

import msgspec

#: How the server's copies of logs stand to those of another machine: whole, on their way, or behind for want of a way.
Sync = Literal["synced", "syncing", "behind"]

#: Seconds since an agent was heard: healthy up to the first, stale up to the second, then disconnected.
HEALTHY_S = 10.0
STALE_S = 60.0


class DeviceProcess(msgspec.Struct, omit_defaults=True, gc=False):
    """A process that uses a GPU. `ours` means that a run of gpurun started it."""

    pid: int
    user: str = ""
    memory_bytes: int | None = None
    ours: bool = False


class Device(msgspec.Struct, omit_defaults=True, gc=False):
    """A GPU, MIG slice or CPU slot of an agent. `util` is percent, `temperature` degrees Celsius, `power` watts.

    The garbage collector need not look at these: a claim looks at thousands, and they hold nothing in a circle.
    """

    id: str  # a GPU's UUID; cpu0, cpu1, ... for CPU slots
    kind: Literal["gpu", "mig", "cpu"]
    index: int
    name: str = ""
    util: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature: float | None = None
    power: float | None = None
    processes: list[DeviceProcess] = []
    locked: bool = False  # its machine-wide lock is held by something that is not a run of this agent
    locked_by: str = ""  # by whom, in words: `pid 4312 (anna, flock), which is not gpurun`
    run_owner: str | None = None  # whose run holds it; the server fills these in
    run_id: str | None = None  # only if it is the run of who asks
    run_name: str | None = None

    @property
    def label(self) -> str:
        """`gpu0`, `cpu1`: how people name it."""
        return f"{'cpu' if self.kind == 'cpu' else 'gpu'}{self.index}"

    @property
    def holder(self) -> str | None:
        """The run that holds it as people name it, None if none does."""
        return self.run_name or self.run_id or (f"a run of {self.run_owner}" if self.run_owner else None)


class Agent(msgspec.Struct):
    """An agent as the API shows it. `heard_s_ago` is the time since its last heartbeat.

    `behind_s`: how far the server's copies of its logs are behind, 0 is in step; `sync` says whether they are on their
    way. Both are None on the server's own machine. `removable`: who asks has invited it, and may remove it.
    """

    id: str
    host: str
    version: str
    health: Literal["healthy", "stale", "disconnected"]
    heard_s_ago: float
    devices: list[Device]
    behind_s: float | None = None
    sync: Sync | None = None
    removable: bool = False


def health(heard_s_ago: float) -> Literal["healthy", "stale", "disconnected"]:
    """How an agent that was heard this long ago is called."""
    if heard_s_ago <= HEALTHY_S:
        return "healthy"
    return "stale" if heard_s_ago <= STALE_S else "disconnected"
