"""What the agent and the fork parent say to each other, each message a packet."""

from __future__ import annotations

import msgspec


class Ready(msgspec.Struct):
    """What the fork parent says first: the names of the kernelspecs that are its own interpreter."""

    kernels: list[str]


class Request(msgspec.Struct):
    """What to fork: a `runner` for an attempt's folder, which gets others through a socket if it is sent one, or a
    `spare`, which gets its only attempt through a socket.
    """

    kind: str
    folder: str = ""


class Forked(msgspec.Struct):
    """The answer: the child's pid; None where the fork parent is out of date and leaves."""

    pid: int | None
