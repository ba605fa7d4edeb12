"""What an agent and its link say to each other: the agent reports, the link answers with orders."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.names import AttemptKey, Name
from gpurun_jupyter.core.runs import RunSpec


class SessionName(msgspec.Struct, frozen=True):
    """A session for good: names of two owners may be alike."""

    owner: str
    name: str


class SessionState(msgspec.Struct, kw_only=True):
    """A session as its agent sees it: `devices` are ids, `busy` the attempt (`run/attempt`) that it carries out now.

    `idle_s` is seconds since its last attempt ended, 0 while it is busy. Its devices are its own until it ends.
    """

    owner: str
    name: str
    kernel: str | None
    devices: list[str]
    busy: str | None = None
    idle_s: float = 0.0


class Grant(msgspec.Struct, kw_only=True):
    """An attempt that an agent shall carry out, with the devices it may use. `token` guards every write-back.

    `begun`: the server has heard that it has; where nothing is left of it, it may not begin again.
    """

    run_id: str
    name: str
    project: str
    attempt: int
    token: str
    devices: list[Device]
    spec: RunSpec
    owner: str = ""
    begun: bool = False

    @property
    def session(self) -> SessionName | None:
        """The warm kernel that the run wants, of its owner; None for a kernel of its own."""
        return None if self.spec.session is None else SessionName(self.owner, self.spec.session)

    @property
    def key(self) -> str:
        """`run/attempt`, the value of GPURUN_ATTEMPT in every process of it."""
        return f"{self.run_id}/{self.attempt}"


class Stop(msgspec.Struct):
    """An attempt that shall end: who asks, and whether to kill without asking it first.

    `fault`: it has failed, as its agent cannot go on with it; this says why.
    """

    run_id: str
    attempt: int
    by: str
    kill: bool = False
    fault: str = ""


class Ended(msgspec.Struct):
    """An attempt whose runner is gone; `end` counts where its log has no end."""

    run_id: Name
    attempt: Annotated[int, msgspec.Meta(ge=1, lt=10**9)]
    end: End


class Unsent(msgspec.Struct):
    """What the server has not got of an attempt's log (`run/attempt`): how many bytes, and since when, in seconds.

    `moved_s` is how long ago some of it got through.
    """

    key: str
    bytes: int
    since_s: float
    moved_s: float = 0.0


class LogPiece(msgspec.Struct):
    """What an attempt's log goes on with at this offset; `token` is the attempt's."""

    run_id: str
    attempt: int
    token: str
    offset: int
    lines: str


class Report(msgspec.Struct, kw_only=True):
    """An agent's heartbeat: who it is, its devices as they are now, the attempts it holds (`run/attempt`).

    `ended` are those that have come to their end since the last report that was answered. From another machine it takes
    `samples` along: the ends of logs that say no more than what the devices did.
    """

    agent_id: str
    host: str
    version: str
    boot: str
    devices: list[Device]
    holding: list[AttemptKey]
    ended: list[Ended] = []
    labels: list[str] = []
    claiming: bool = True
    sessions: list[SessionState] = []
    unsent: list[Unsent] = []
    samples: list[LogPiece] = []


class Orders(msgspec.Struct):
    """The answer to a report; `waiting` is how many runs are queued still.

    `lengths` are those of the server's copies of the logs that the report took something of along, by `run/attempt`.
    """

    grants: list[Grant] = []
    stops: list[Stop] = []
    waiting: int = 0
    end_sessions: list[SessionName] = []
    restart_sessions: list[SessionName] = []
    lengths: dict[str, int] = {}
