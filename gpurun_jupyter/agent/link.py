"""The agent's way to its server: to the database on the server's own machine, over HTTPS elsewhere."""

from __future__ import annotations

from typing import Protocol

from gpurun_jupyter.agent.backoff import Hurry
from gpurun_jupyter.core.grants import Grant, Orders, Report
from gpurun_jupyter.core.questions import Answer, Question


class ServerFault(ConnectionError):
    """Raised where the server was reached, and failed itself."""


class Link(Protocol):
    """What an agent says to a server. Each method may raise OSError: the agent goes on and tries again.

    `pace_s`: seconds between two calls of `advance` for one attempt. `longest_pause_s`: between two tries, which
    `hurry` calls off.
    `takes_copies`: what an attempt has left by the time of `deliver` is all that the server will ever see of it.
    """

    pace_s: float
    longest_pause_s: float
    hurry: Hurry

    def asked(self, word: str) -> None:
        """Somebody on this machine is in a hurry; after the next try who says this word is told what came of it."""

    takes_copies: bool

    async def sync(self, report: Report) -> Orders:
        """Report the devices, the attempts held and those that have ended; be told what to start and what to end."""

    async def fetch(self, grant: Grant) -> None:
        """See to it that all that the attempt needs lies in this agent's home. Raises GpurunError where it cannot."""

    async def advance(self, grant: Grant) -> None:
        """Say that the attempt's log has grown."""

    async def deliver(self, grant: Grant) -> None:
        """Hand over what the attempt left, once its runner is gone."""

    async def answer(self, grant: Grant, question: Question) -> Answer:
        """What the attempt's code asks the server, which has taken in the log up to now. Raises GpurunError, too."""
