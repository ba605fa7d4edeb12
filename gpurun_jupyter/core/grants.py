"""What an agent and its link say to each other: the agent reports, the link answers with orders."""

from __future__ import annotations

import msgspec

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.runs import RunSpec


class Grant(msgspec.Struct, kw_only=True):
    """An attempt that an agent shall carry out, with the devices it may use. `token` guards every write-back."""

    run_id: str
    name: str
    project: str
    attempt: int
    token: str
    devices: list[Device]
    spec: RunSpec

    @property
    def key(self) -> str:
        """`run/attempt`, the value of GPURUN_ATTEMPT in every process of it."""
        return f"{self.run_id}/{self.attempt}"


class Stop(msgspec.Struct):
    """An attempt that shall end: who asks, and whether to kill without asking it first."""

    run_id: str
    attempt: int
    by: str
    kill: bool = False


class Report(msgspec.Struct, kw_only=True):
    """An agent's heartbeat: who it is, its devices as they are now, the attempts it holds (`run/attempt`)."""

    agent_id: str
    host: str
    version: str
    devices: list[Device]
    holding: list[str]
    claiming: bool = True


class Orders(msgspec.Struct):
    """The answer to a report; `waiting` is how many runs are queued still."""

    grants: list[Grant] = []
    stops: list[Stop] = []
    waiting: int = 0
